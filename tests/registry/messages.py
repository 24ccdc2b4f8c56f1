"""HTTP/1.1 messages as values: what came, and what is answered (RFC 9112)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from io import BufferedReader
from typing import Any, Final
from urllib.parse import parse_qsl

PIECE: Final = 1 << 18
"""Bytes that are read or sent at a time."""
LONGEST_LINE: Final = 1 << 16
MOST_LINES: Final = 1000
KEPT: Final = 1 << 16
"""Bodies of up to this many bytes are kept whole."""
HASHED: Final = 1 << 20
"""Bodies of up to this many bytes are hashed."""


class BodyCutError(Exception):
    """The connection ended before the request's body did."""


class MalformedError(Exception):
    """What came is no HTTP request."""


class Headers(Mapping[str, str]):
    """Header fields; names in any case, a repeated one's values joined by a comma."""

    __slots__ = ("_values", "fields")

    def __init__(self, fields: tuple[tuple[str, str], ...] = ()) -> None:
        self.fields = fields
        self._values: dict[str, str] = {}
        for name, value in fields:
            key = name.lower()
            self._values[key] = f"{self._values[key]}, {value}" if key in self._values else value

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Headers({self.fields!r})"


class Body:
    """A request's body, read from the connection as it is asked for.

    Attributes:
        size: bytes that have been read.
        cut_at: after how many bytes the connection is to look as if it had ended; `None` for as long as it lasts.
    """

    def __init__(self, reader: BufferedReader, headers: Headers, proceed: Callable[[], None]) -> None:
        self._reader = reader
        self._proceed: Callable[[], None] | None = proceed
        self._is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self.declared = None if self._is_chunked else int(headers.get("content-length", "0"))
        self.cut_at: int | None = None
        self.size = 0
        self._kept = bytearray()
        self._hasher = hashlib.sha256()
        self.is_complete = self.declared == 0

    def iter_pieces(self) -> Iterator[bytes]:
        """The rest of it.

        Raises:
            BodyCutError: the client broke off; what came before has been given.
        """
        if self.is_complete:
            return
        if self._proceed is not None:
            self._proceed()
            self._proceed = None
        for piece in self._iter_chunked() if self._is_chunked else self._iter_exactly(self.declared or 0):
            stop = None if self.cut_at is None else max(self.cut_at - self.size, 0)
            self._note(piece[:stop])
            yield piece[:stop]
            if stop is not None and stop < len(piece):
                raise BodyCutError
        self.is_complete = True

    def read(self, max_size: int | None = None) -> bytes:
        """The rest of it, read to its end, in one piece; what is beyond `max_size` is thrown away."""
        data = bytearray()
        for piece in self.iter_pieces():
            if max_size is None or len(data) <= max_size:
                data += piece
        return bytes(data)

    def discard(self) -> None:
        for _ in self.iter_pieces():
            pass

    @property
    def kept(self) -> bytes | None:
        """What has been read, where it is small."""
        return bytes(self._kept) if self.size <= KEPT else None

    @property
    def digest(self) -> str | None:
        """Of what has been read, where it is not large."""
        return f"sha256:{self._hasher.hexdigest()}" if self.size <= HASHED else None

    def _note(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= HASHED:
            self._hasher.update(piece)
        if self.size <= KEPT:
            self._kept += piece

    def _iter_exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._reader.read1(min(size, PIECE))
            if not piece:
                raise BodyCutError
            size -= len(piece)
            yield piece

    def _iter_chunked(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._iter_exactly(size)
            self._reader.readline(LONGEST_LINE)
        while self._reader.readline(LONGEST_LINE).strip():
            pass  # trailer fields

    def _chunk_size(self) -> int:
        line = self._reader.readline(LONGEST_LINE)
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError:
            raise BodyCutError from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `head` is what came before the body, byte for byte."""

    method: str
    path: str
    query_text: str
    headers: Headers
    head: bytes
    body: Body

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query_text}" if self.query_text else self.path

    @property
    def query(self) -> dict[str, str]:
        """The parameters; of a repeated one the last."""
        return dict(self.query_pairs)

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_text, keep_blank_values=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer; `Content-Length` is that of the body unless `headers` has another."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | memoryview = field(default=b"", repr=False)

    def get(self, name: str) -> str | None:
        """The value of a header field."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_headers(self, *fields: tuple[str, str]) -> Response:
        """The same with these fields in place of those of the same names."""
        names = {name.lower() for name, _ in fields}
        kept = tuple((name, value) for name, value in self.headers if name.lower() not in names)
        return replace(self, headers=(*kept, *fields))

    def with_body(self, body: bytes) -> Response:
        """The same with another body, and that body's size."""
        return replace(self.with_headers(("Content-Length", str(len(body)))), body=body)

    def head(self) -> bytes:
        """What goes before the body."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if self.status >= 200 and self.status != 204 and self.get("Content-Length") is None:
            lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def json_response(value: Any, status: int = 200, *headers: tuple[str, str]) -> Response:
    """A document that the server made."""
    fields = headers if any(name == "Content-Type" for name, _ in headers) else (_JSON, *headers)
    return Response(status=status, headers=fields, body=json.dumps(value, separators=(",", ":")).encode())


_REQUEST_LINE = re.compile(rb"[!-~]+ [!-~\x80-\xff]+ HTTP/1\.[01]\r?\n")
_ABSOLUTE = re.compile("^https?://[^/]*")
_JSON = ("Content-Type", "application/json")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def read_request(reader: BufferedReader, proceed: Callable[[], None]) -> Request | None:
    """The next request of a connection; `None` where the client has closed it.

    Args:
        reader: the connection.
        proceed: called before the body is read, where the client waits to be told so.

    Raises:
        MalformedError: it is none.
    """
    lines = _read_head(reader)
    if not lines:
        return None
    try:
        method, target, _ = lines[0].decode("latin-1").split()
        headers = Headers(tuple(_split_field(line) for line in lines[1:]))
        wants_word = headers.get("expect", "").lower() == "100-continue"
        body = Body(reader, headers, proceed if wants_word else _go_on)
    except ValueError as exc:
        raise MalformedError(str(exc)) from exc
    # A server has to take the absolute form too (RFC 9112, 3.2.2).
    path, _, query = _ABSOLUTE.sub("", target).partition("?")
    return Request(method=method, path=path, query_text=query, headers=headers, head=b"".join(lines), body=body)


def _go_on() -> None:
    """Nobody waits."""


def _read_head(reader: BufferedReader) -> list[bytes]:
    lines: list[bytes] = []
    while (line := reader.readline(LONGEST_LINE)) not in (b"\r\n", b"\n"):
        if not line:
            return []
        lines.append(line)
        if len(lines) == 1 and not _REQUEST_LINE.fullmatch(line):
            # At once: a client that speaks TLS sends no line after it.
            raise MalformedError("no request line")
        if not line.endswith(b"\n") or len(lines) > MOST_LINES:
            raise MalformedError("the head is too large")
    return lines


def _split_field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon:
        raise MalformedError(f"a header field without a colon: {line!r}")
    return name, value.strip()
