"""multipart/form-data, read as it comes: the fields in full, the file as a stream. Source: RFC 7578."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from cloudjar.services.s3 import errors
from cloudjar.services.s3.post_policy import Sizes
from cloudjar.wire.http import Body

LARGEST_FILE = 5 << 30
LARGEST_FIELDS = 20 * 1024
"""Bytes of all that comes before the file."""

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r'(name|filename)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


class Form:
    """A form up to its file, and then the file, which is a `Body` of its own."""

    length: int | None = None

    def __init__(self, body: Body, content_type: str) -> None:
        match = _BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/form-data") or match is None:
            raise errors.not_a_form()
        self.fields: dict[str, str] = {}
        """By name in lower case."""
        self.filename = ""
        self.file_type = ""
        self._delimiter = b"\r\n--" + (match[1] or match[2]).encode()
        self._source = aiter(body)
        # The first delimiter stands at the very beginning, without its line break.
        self._buffer = b"\r\n"

    async def read_fields(self) -> None:
        """Reads on to where the file begins. Raises MalformedPOSTRequest and its like."""
        await self._past_delimiter()
        while True:
            head, content = await self._head()
            named = {kind.lower(): text for kind, text in _PARAMETER.findall(head)}
            name = named.get("name", "").lower()
            if name == "file":
                self.filename = re.split(r"[/\\]", named.get("filename", ""))[-1]
                self.file_type = content
                return
            self.fields[name] = await self._value()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The file's bytes."""
        while True:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                if at:
                    yield self._buffer[:at]
                return
            keep = len(self._delimiter) - 1
            if len(self._buffer) > keep:
                ready, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield ready
            await self._more()

    async def read(self, limit: int) -> bytes:
        """The file as a whole; `Body` asks for it, nobody uses it."""
        return b"".join([chunk async for chunk in self])

    async def _more(self) -> None:
        chunk = await anext(self._source, None)
        if chunk is None:
            raise errors.malformed_post()
        self._buffer += chunk

    async def _find(self, mark: bytes) -> bytes:
        """What comes before a mark, which is consumed."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > LARGEST_FIELDS:
                raise errors.fields_too_large()
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return found

    async def _past_delimiter(self) -> None:
        await self._find(self._delimiter)
        if (await self._find_line_end()).startswith(b"--"):
            raise errors.one_file()

    async def _head(self) -> tuple[str, str]:
        """A part's Content-Disposition and Content-Type."""
        disposition = content_type = ""
        while line := await self._find(b"\r\n"):
            name, _, value = line.decode("utf-8", "replace").partition(":")
            if name.strip().lower() == "content-disposition":
                disposition = value.strip()
            elif name.strip().lower() == "content-type":
                content_type = value.strip()
        return disposition, content_type

    async def _value(self) -> str:
        value = await self._find(self._delimiter)
        if sum(map(len, self.fields.values())) + len(value) > LARGEST_FIELDS:
            raise errors.fields_too_large()
        if (await self._find_line_end()).startswith(b"--"):
            raise errors.one_file()
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise errors.malformed_post() from None

    async def _find_line_end(self) -> bytes:
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return b"--"
        return await self._find(b"\r\n")


class FormFile:
    """The form's file as PutObject's body, held to the policy's sizes."""

    length: int | None = None

    def __init__(self, form: Form, sizes: Sizes | None) -> None:
        self._form = form
        self._sizes = sizes or Sizes(0, LARGEST_FILE)

    async def read(self, limit: int) -> bytes:
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._form:
            size += len(chunk)
            if size > self._sizes.most:
                raise errors.too_large(size, self._sizes.most)
            yield chunk
        if size < self._sizes.least:
            raise errors.too_small(size, self._sizes.least)
