"""Connections that give up on servers who go on and on (docs/security.md, "Limits").

`http.client` reads interim answers and trailers for as long as they come, and a time limit on every byte is none on an
answer that comes byte by byte.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from packaging_kit.limits import KIB, MIB

_MOST_HEAD: Final = 2 * MIB
"""Bytes before an answer's body, interim answers included, and after it."""
_FEW_CHUNKS: Final = 10_000
_SMALLEST_CHUNK: Final = 16
"""Bytes that a chunk of a body has to have, on average, once there were more than a few: reading one takes long."""
_SLOWEST: Final = 1 * KIB
"""Bytes a second, on average, that an answer has to come by."""
_CREDIT: Final = 2
"""Time limits for one byte that may go by with nothing to show for them."""


class _Pipe:
    """What `http.client` takes for a socket: it opens the watched stream."""

    def __init__(self, stream: _Watched) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._stream)


class _Watched(io.RawIOBase):
    """What comes from a socket; only waiting for it counts as its time."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self._raw = connected.makefile("rb", buffering=0)
        timeout = connected.gettimeout()
        self._most = self._seconds_left = None if timeout is None else timeout * _CREDIT
        self._bytes_left: int | None = None

    @contextmanager
    def limited(self, size: int) -> Iterator[None]:
        """Not more than so many bytes may come meanwhile."""
        self._bytes_left = size
        try:
            yield
        finally:
            self._bytes_left = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        began = time.monotonic()
        size: int = self._raw.readinto(buffer)  # type: ignore[assignment]  # of a socket that blocks
        if self._seconds_left is not None and self._most is not None:
            waited = time.monotonic() - began
            self._seconds_left = min(self._seconds_left - waited + size / _SLOWEST, self._most)
            if self._seconds_left < 0 and size:
                raise TimeoutError("the answer comes too slowly")
        if self._bytes_left is not None:
            self._bytes_left -= size
            if self._bytes_left < 0:
                raise HTTPException("the answer's head does not end")
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        self._watched = _Watched(sock)
        self._chunks = self._chunked_size = 0
        super().__init__(_Pipe(self._watched), *args, **kwargs)  # type: ignore[arg-type]  # nothing else is asked of it

    def begin(self) -> None:
        with self._watched.limited(_MOST_HEAD):
            super().begin()

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]  # it is not declared
        if size < 0:  # which is read as "all there is"
            raise HTTPException("a chunk of less than nothing")
        self._chunks += 1
        self._chunked_size += size
        if self._chunks > _FEW_CHUNKS and self._chunked_size < self._chunks * _SMALLEST_CHUNK:
            raise HTTPException("the answer comes in crumbs")
        return size

    def _read_and_discard_trailer(self) -> None:
        with self._watched.limited(_MOST_HEAD):
            super()._read_and_discard_trailer()  # type: ignore[misc]  # it is not declared


class _HttpConnection(HTTPConnection):
    response_class = _Answer


class _HttpsConnection(HTTPSConnection):
    response_class = _Answer


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def watch(manager: urllib3.PoolManager) -> None:
    """Have all connections of a manager be such ones."""
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
