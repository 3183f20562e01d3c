"""The guard: a small process between the jar and everything that it runs, so that all of it dies with the jar.

It is run as a program of its own (`python -I -S guard.py FD`), with the standard library only. The jar sends it what
to start over a socket; it forks, and reports exits. When the socket ends, for whatever reason (a close, a crash,
`kill -9`), it kills every descendant and exits. Being a small process it forks cheaply, whatever the jar's size, and
being the subreaper of all (Linux) it collects the orphans that launchers leave, wherever they have hidden.

Messages are marshal tuples with a length before them; file descriptors travel beside them.
  to the guard:   ("start", number, program, descriptor count)   ("seat", key, cgroup files)   ("unseat", key)
                  ("signal", pid, signal)
  from the guard: ("started", number, pid)   ("exit", pid, wait status, cpu seconds, peak bytes of one process)
`program` is a dict: argv, env, cwd, rlimits, join, keep, namespaces, seat.
"""

from __future__ import annotations

import array
import fcntl
import gc
import marshal
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

LINUX = sys.platform == "linux"
CLONE_NEWNS, MS_REC, MS_SLAVE = 0x20000, 0x4000, 0x80000
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR2)
KILL_TREE = signal.SIGUSR1
"""To a keeper: kill everything below."""


class Channel:
    """Whole messages, with their descriptors, over a blocking stream socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""
        self.descriptors: list[int] = []

    def send(self, message: Any, descriptors: list[int] | tuple[int, ...] = ()) -> None:
        data = pack(message)
        if descriptors:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            data = data[self.sock.sendmsg([data], rights) :]
        if data:
            # Even no bytes at all fail when the other side has read everything and closed.
            self.sock.sendall(data)

    def receive(self) -> list[Any] | None:
        """The messages that have come, at least what one read gives; None at the end of the stream."""
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        data, rights, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(64 * 4), flags)
        for level, kind, content in rights:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i", content[: len(content) // 4 * 4])
                for number in numbers:
                    os.set_inheritable(number, False)
                self.descriptors += numbers
        if not data:
            return None
        messages, self.buffer = unpack(self.buffer + data)
        return messages

    def take(self, count: int) -> list[int]:
        taken, self.descriptors = self.descriptors[:count], self.descriptors[count:]
        return taken


def pack(message: Any) -> bytes:
    """One message as bytes."""
    data = marshal.dumps(message)
    return len(data).to_bytes(4, "big") + data


def unpack(buffer: bytes) -> tuple[list[Any], bytes]:
    """The whole messages in `buffer`, and what is left over."""
    messages, at = [], 0
    while len(buffer) - at >= 4:
        end = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
        if end > len(buffer):
            break
        messages.append(marshal.loads(buffer[at + 4 : end]))
        at = end
    return messages, buffer[at:]


def prctl(option: int, value: int) -> None:
    """prctl(2); nothing where there is none."""
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def enter(namespace: int) -> None:
    """setns(2), whatever kind of namespace it is. Raises OSError."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def descendants(root: int) -> list[int]:
    """Every living process below `root`, by /proc; empty where there is none."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    state, parent = stat.read().rpartition(b")")[2].split()[:2]
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                children.setdefault(int(parent), []).append(int(name))
    found, todo = [], [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            found.append(pid)
            todo.append(pid)
    return found


def kill_below(root: int) -> None:
    """Kill every descendant and reap it. They are stopped first, so that none can fork while the list is read.

    It gives up after some ten seconds: an ordinary user may not kill what a set-user-id program has become.
    """
    stopped: set[int] = set()
    while fresh := set(descendants(root)) - stopped:
        for pid in fresh:
            send_signal(pid, signal.SIGSTOP)
        stopped |= fresh
    for _ in range(10_000):
        pids = descendants(root)
        if not pids:
            break
        for pid in pids:
            send_signal(pid, signal.SIGKILL)
        reap_all()
        select.select([], [], [], 0.001)
    reap_all()


def send_signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def reap_all() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def watch_signals(numbers: tuple[int, ...]) -> int:
    """Turn signals into bytes on a pipe; returns its reading end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    for number in numbers:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def forget_signals() -> None:
    """Undo what the guard and Python itself have made of signals."""
    signal.set_wakeup_fd(-1)
    for number in (*_FORWARDED, KILL_TREE, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def let_signals_come() -> None:
    """End what `Guard.fork` began: from then on a signal that came early is there, and none is lost."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def join(files: list[str]) -> None:
    """Enter cgroups by their `cgroup.procs` files."""
    for name in files:
        fd = os.open(name, os.O_WRONLY)
        os.write(fd, b"0")
        os.close(fd)


def become(program: dict[str, Any], descriptors: list[int]) -> None:
    """Turn this process into the program. Does not return."""
    code = 127
    try:
        # Out of the way first: a descriptor may lie where another one has to go.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 100) for fd in descriptors]
        count = len(high) - program["namespaces"]
        for fd in high[count:]:
            enter(fd)
        for number, fd in enumerate(high[:count]):
            os.dup2(fd, number, inheritable=True)
        for which, limit in program["rlimits"]:
            _, hard = resource.getrlimit(which)
            if hard != resource.RLIM_INFINITY:
                limit = min(limit, hard)
            resource.setrlimit(which, (limit, limit))
        os.chdir(program["cwd"])
        os.execvpe(program["argv"][0], program["argv"], program["env"])
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        os.write(2, f"{program['argv'][0]}: {error.strerror}\n".encode(errors="surrogateescape"))
    finally:
        os._exit(code)


def keep(program: dict[str, Any], descriptors: list[int], lifeline: int) -> None:
    """Run the program below this process, and end with it, and like it, when nothing of it is left. Does not return."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signals = watch_signals((*_FORWARDED, KILL_TREE, signal.SIGCHLD))
    let_signals_come()
    # Should the guard itself be killed: the lifeline ends too.
    prctl(PR_SET_PDEATHSIG, KILL_TREE)
    child = os.fork()
    if child == 0:
        forget_signals()
        os.setsid()
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        become(program, descriptors)
    for fd in descriptors:
        os.close(fd)
    status = None
    while status is None:
        ready = select.select([signals, lifeline], [], [])[0]
        came = os.read(signals, 4096) if signals in ready else b""
        if lifeline in ready or KILL_TREE in came:
            if LINUX:
                # All at once: the child may be all that holds together what hides in a namespace of its own.
                kill_below(os.getpid())
                status = int(signal.SIGKILL)
                break
            send_signal(child, signal.SIGKILL)
        for number in came:
            if number in _FORWARDED:
                send_signal(child, number)
        while True:
            pid, what = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                status = what
                break
            if pid == 0:
                break
    if LINUX:
        kill_below(os.getpid())
    else:
        try:
            os.killpg(child, signal.SIGKILL)
        except OSError:
            pass
    if os.WIFSIGNALED(status):
        forget_signals()
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class Guard:
    """The guard's own process: a table of children, and one loop."""

    def __init__(self, control: socket.socket) -> None:
        self.channel = Channel(control)
        self.children: set[int] = set()
        self.seats: dict[int, tuple[int, socket.socket]] = {}
        self.lifeline, self.lifeline_held = os.pipe()
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.signals = watch_signals((signal.SIGCHLD,))
        # Ctrl-C and a terminal's end are the jar's business; it will close the socket.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def run(self) -> None:
        """Serve until the jar is gone; then let nothing survive."""
        poll = select.poll()
        poll.register(self.channel.sock, select.POLLIN)
        poll.register(self.signals, select.POLLIN)
        try:
            while True:
                for fd, _ in poll.poll():
                    if fd == self.signals:
                        self.drain_signals()
                    elif not self.serve():
                        return
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            if LINUX:
                kill_below(os.getpid())

    def drain_signals(self) -> None:
        os.read(self.signals, 4096)
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.children:
                self.children.discard(pid)
                peak = used.ru_maxrss * (1024 if LINUX else 1)
                self.channel.send(("exit", pid, status, used.ru_utime + used.ru_stime, peak))

    def serve(self) -> bool:
        messages = self.channel.receive()
        if messages is None:
            return False
        for verb, *rest in messages:
            if verb == "start":
                number, program, count = rest
                self.channel.send(("started", number, self.start(program, self.channel.take(count))))
            elif verb == "seat":
                self.seat(*rest)
            elif verb == "unseat":
                _, sock = self.seats.pop(rest[0], (0, None))
                if sock is not None:
                    sock.close()
            elif verb == "signal" and rest[0] in self.children:
                send_signal(*rest)
        return True

    def start(self, program: dict[str, Any], descriptors: list[int]) -> int:
        pid, sock = self.seats.pop(program["seat"], (0, None))
        if sock is not None:
            try:
                Channel(sock).send((program, len(descriptors)), descriptors)
            except OSError:
                pid = 0  # The kernel would not let it into its cgroups, and it has ended.
            sock.close()
        if pid == 0:
            pid = self.fork()
            if pid == 0:
                self.run_child(program, descriptors)
        for fd in descriptors:
            os.close(fd)
        self.children.add(pid)
        return pid

    def seat(self, key: int, files: list[str]) -> None:
        """A child that has entered its cgroups already, and waits: entering takes the kernel up to 20 ms when it is idle."""
        ours, theirs = socket.socketpair()
        pid = self.fork()
        if pid == 0:
            ours.close()
            try:
                join(files)
                channel = Channel(theirs)
                while (messages := channel.receive()) == []:
                    pass
            except OSError:
                os._exit(125)
            if not messages:
                os._exit(0)
            program, count = messages[0]
            program["join"] = []
            self.run_child(program, channel.take(count))
        theirs.close()
        self.seats[key] = (pid, ours)

    def fork(self) -> int:
        # Blocked until the child has its own handlers: a signal for it may be on its way already.
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_FORWARDED, KILL_TREE))
        pid = os.fork()
        if pid:
            let_signals_come()
        else:
            forget_signals()
            os.setsid()
            # The child must hold neither the jar's socket nor the lifeline's other end, or their ends would never come.
            self.channel.sock.close()
            os.close(self.lifeline_held)
            for _, sock in self.seats.values():
                sock.close()
        return pid

    def run_child(self, program: dict[str, Any], descriptors: list[int]) -> None:
        try:
            if program["join"]:
                join(program["join"])
            if program["keep"]:
                keep(program, descriptors, self.lifeline)
            let_signals_come()
            become(program, descriptors)
        finally:
            os._exit(125)


def have_own_mounts() -> None:
    """As root: what is mounted for sandboxes is seen by what the guard starts alone, and goes with it. The host's mounts still come in."""
    if not LINUX or os.geteuid() != 0:
        return
    import ctypes

    libc = ctypes.CDLL(None)
    if libc.unshare(CLONE_NEWNS) == 0:
        libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_SLAVE), None)


if __name__ == "__main__":
    have_own_mounts()
    # A collection would write into every page that parent and children share.
    gc.disable()
    Guard(socket.socket(fileno=int(sys.argv[1]))).run()
