"""The Runtime API as a runtime uses it: one keep-alive connection."""

# It runs in functions, not in the jar: kept to what Python 3.6 knows, and out of the type checker's way.
# mypy: ignore-errors
# ruff: noqa: UP031

import _socket as sockets  # `socket` itself takes longer to import than an invocation

_API = "/2018-06-01/runtime/"


class Client:
    """One keep-alive connection."""

    def __init__(self, address):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.sock = None
        self.buffer = b""
        self.unsent = b""

    def request(self, data):
        """(status, headers, body) of the answer; connects again if the connection was lost between requests."""
        if self.sock is None:
            self.sock = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
            self.sock.connect((self.host, self.port))
            self.sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        self.sock.sendall(data)
        return self._answer()

    def _answer(self):
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                break
            self._more()
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        self.buffer = self.buffer[end + 4 :]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        if len(self.buffer) < length:
            pieces, size = [self.buffer], len(self.buffer)
            while size < length:
                piece = self.sock.recv(min(1 << 20, length - size))
                if not piece:
                    raise SystemExit(1)
                pieces.append(piece)
                size += len(piece)
            self.buffer = b"".join(pieces)
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split(" ")[1]), headers, body

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            # The sandbox is being ended.
            raise SystemExit(1)
        self.buffer += data

    def next(self):
        """Sends what came of the last invocation, and waits for another: in one write, because each one wakes the other side up."""
        unsent, self.unsent = self.unsent, b""
        answer = self.request(unsent + ("GET %sinvocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, self.host)).encode())
        return self._answer() if unsent else answer

    def restore_next(self):
        """Waits until the sandbox goes on from where it is now."""
        return self.request(("GET %srestore/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, self.host)).encode())

    def answer(self, request_id, what, body, content_type="application/json", error_type=""):
        """What came of an invocation; it goes out with the request for the next one."""
        self.unsent = self._post("invocation/%s/%s" % (request_id, what), body, content_type, error_type)

    def post(self, path, body, error_type=""):
        return self.request(self._post(path, body, "application/json", error_type))

    def _post(self, path, body, content_type, error_type):
        head = "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (
            _API,
            path,
            self.host,
            content_type,
            len(body),
        )
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type
        return head.encode("latin-1") + b"\r\n" + body
