"""Sockets and threads: a listener, a thread for each connection, and a stop that waits for nobody."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.registry.messages import MalformedError, Request, Response, read_request

_JOIN_SECONDS = 0.05
_BACKLOG = 256
# As Go's server: so long a client has to read the answer before the reset may take it away.
_LINGER_SECONDS = 0.5
# `SO_LINGER` on with no time: closing sends a reset.
_RESET = struct.pack("ii", 1, 0)
_TLS_HANDSHAKE = b"\x16"
_NOT_TLS = Response(
    status=400, headers=(("Connection", "close"),), body=b"Client sent an HTTP request to an HTTPS server.\n"
)
_TOGETHER: Final = 1 << 16
"""Bytes up to which head and body go out in one write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What a server needs to speak TLS; `client_ca` makes it ask for a client's certificate."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Connection:
    """One client's connection, in the thread that serves it.

    Attributes:
        number: connections are counted from 0.
        stopping: set when the server stops.
    """

    def __init__(self, connected: socket.socket, number: int, stopping: threading.Event) -> None:
        self._socket = connected
        self._reader = connected.makefile("rb")
        self.number = number
        self.stopping = stopping
        self._is_open = True

    def iter_requests(self) -> Iterator[Request]:
        """What the client asks, one after the other, until one of the two closes."""
        while self._is_open and not self.stopping.is_set():
            try:
                request = read_request(self._reader, lambda: self.send(b"HTTP/1.1 100 Continue\r\n\r\n"))
            except MalformedError as exc:
                self.answer(Response(status=400, headers=(("Connection", "close"),), body=str(exc).encode()))
                return
            if request is None:
                return
            yield request
            if not request.body.is_complete or request.headers.get("connection", "").lower() == "close":
                return

    def answer(self, response: Response, *, to: str = "GET") -> None:
        """Send an answer to a request with the method `to`."""
        body = b"" if to == "HEAD" or response.status in (204, 304) else response.body
        if len(body) <= _TOGETHER:
            self.send(response.head() + body)
        else:
            self.send(response.head())
            self.send(body)

    def send(self, data: bytes | memoryview) -> None:
        self._socket.sendall(data)

    def wait_for_client(self, seconds: float | None = None) -> None:
        """Until the client gives up, or the server stops, or the time is over."""
        # Nothing is read: what the client still sends stays with it.
        self._poll(select.POLLRDHUP, None if seconds is None else seconds * 1000)
        self._is_open = False

    def wait_for_request(self) -> None:
        """Until the client sends something more, or gives up."""
        self._poll(select.POLLIN | select.POLLRDHUP, None)

    def _poll(self, events: int, milliseconds: float | None) -> None:
        poll = select.poll()
        poll.register(self._socket, events)
        poll.poll(milliseconds)

    def close(self) -> None:
        """End it in order, after what was sent."""
        self._is_open = False
        _shut(self._socket)
        self._close()

    def refuse(self, response: Response) -> None:
        """Answer, and end it, though the client still has something to send."""
        self.answer(response.with_headers(("Connection", "close")))
        self._socket.shutdown(socket.SHUT_WR)
        self.wait_for_client(_LINGER_SECONDS)
        self.reset()

    def reset(self) -> None:
        """End it with a reset: what the client has not read yet may be lost to it."""
        self._is_open = False
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close()

    def _close(self) -> None:
        # The file holds the socket open for as long as it is open itself.
        self._reader.close()
        self._socket.close()


class Listener:
    """Accepts connections on a free port, and serves each in a thread."""

    def __init__(self, serve: Callable[[Connection], None], *, host: str, tls: Tls | None) -> None:
        self._serve = serve
        self._context = None if tls is None else tls.context()
        self._listening = socket.create_server((host, 0), backlog=_BACKLOG)
        self.port: int = self._listening.getsockname()[1]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._accepting = threading.Thread(target=self._accept, daemon=True, name="registry for tests")

    def start(self) -> None:
        self._accepting.start()

    def stop(self) -> None:
        """Break all connections off, whatever they are at."""
        self._stopping.set()
        _shut(self._listening)
        self._listening.close()
        with self._lock:
            threads = [self._accepting, *self._open.values()]
            for connected in self._open:
                _shut(connected)
        deadline = time.monotonic() + _JOIN_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        number = 0
        while not self._stopping.is_set():
            try:
                connected, _ = self._listening.accept()
            except OSError:  # stopped
                return
            thread = threading.Thread(target=self._run, args=(connected, number), daemon=True)
            with self._lock:
                self._open[connected] = thread
                thread.start()
            number += 1

    def _run(self, connected: socket.socket, number: int) -> None:
        connection = None
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connected = self._wrap(self._context, connected)
            connection = Connection(connected, number, self._stopping)
            self._serve(connection)
        except OSError:
            pass  # the client has gone, or the server stops
        finally:
            self._forget(connected)
            connected.close() if connection is None else connection.close()

    def _wrap(self, context: ssl.SSLContext, plain: socket.socket) -> ssl.SSLSocket:
        if plain.recv(1, socket.MSG_PEEK) not in (_TLS_HANDSHAKE, b""):
            # As Go's server: a client that speaks plain HTTP is told so.
            plain.sendall(_NOT_TLS.head() + _NOT_TLS.body)
            raise ConnectionAbortedError
        wrapped = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        try:
            with self._lock:
                # The old object has let go of the connection.
                self._open[wrapped] = self._open.pop(plain)
                if self._stopping.is_set():
                    raise ConnectionAbortedError
            wrapped.do_handshake()
        except OSError:
            self._forget(wrapped)
            wrapped.close()
            raise
        return wrapped

    def _forget(self, connected: socket.socket) -> None:
        with self._lock:
            self._open.pop(connected, None)


def _shut(connected: socket.socket) -> None:
    try:
        # Not the method of `SSLSocket`, which takes the TLS state from under the thread that uses it.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already
