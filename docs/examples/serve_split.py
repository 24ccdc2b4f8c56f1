"""The blob end of a registry that keeps components in fragments, and serves each of them as the one blob it was.

    python docs/examples/serve_split.py FOLDER

prints its address. What is uploaded there is checked and exploded: FOLDER holds skeletons and modules, each shared
module once, and never a whole component. Any range of any component is put together from them when it is asked for:

    DIGEST=sha256:$(sha256sum < app.wasm | cut -c -64)
    curl --fail --data-binary @app.wasm "$ADDRESS/v2/app/blobs/uploads/?digest=$DIGEST"
    curl --fail --range 100-199 "$ADDRESS/v2/app/blobs/$DIGEST"

It is an example: no manifests, tags, uploads in pieces, users or TLS, and it forgets which root stands for which
component when it ends. A registry has a database for that, and keeps what `open_whole` gives for the next request.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import packaging_kit
from packaging_kit import Blob, BlobSource, Digest

MOST_UPLOADED = 1 << 30
CHUNK_SIZE = 1 << 20

_WORD = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
NAME = rf"{_WORD}(?:/{_WORD})*"
_BLOB = re.compile(rf"/v2/{NAME}/blobs/([^/]+)")
_UPLOAD = re.compile(rf"(/v2/{NAME}/blobs/)uploads/([0-9a-f]{{32}})?")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))", re.IGNORECASE)


class SplitStore:
    """Blobs in a folder, and the roots that stand for those that are there in fragments only."""

    def __init__(self, folder: Path) -> None:
        self._store = packaging_kit.LayoutStore.open_or_new(folder)
        self._roots: dict[Digest, Digest] = {}

    def add(self, digest: Digest, data: memoryview, *, is_exploded: bool = True) -> None:
        """Keep a blob whose digest was checked: a binary by its fragments where that is wanted, else as it is."""
        exploded = None
        if is_exploded:
            with suppress(packaging_kit.WasmFormatError):
                exploded = packaging_kit.explode(data)
        if exploded is None:
            chunks = (bytes(data[at : at + CHUNK_SIZE]) for at in range(0, len(data), CHUNK_SIZE))
            self._store.write_blob(chunks, Blob(digest, len(data)))
        else:
            for part in (exploded.root, *(fragment.digest for fragment in exploded.fragments)):
                self._store.write_blob(exploded.iter_blob(part), Blob(part, exploded.blob_size(part)))
            self._roots[digest] = exploded.root
        self._store.flush()

    def open(self, digest: Digest) -> tuple[int, Callable[[int, int], Iterator[bytes]]]:
        """Size of a blob, and what reads it from a start to an end and never hands on all of it where it is damaged."""
        if digest in self._roots:
            whole = packaging_kit.open_whole(self._roots[digest], self._store)
            return whole.size, whole.iter_range
        try:
            size = self._store.blob_size(digest)
        except packaging_kit.NotFoundError as exc:
            raise Refused(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", exc.message) from exc
        return size, partial(iter_plain, self._store, digest, size)


def iter_plain(source: BlobSource, digest: Digest, size: int, start: int, end: int) -> Iterator[bytes]:
    """The bytes `start:end`; the last piece waits until all of the blob was read and its digest was right."""
    position, waiting = 0, b""
    for chunk in source.iter_blob(digest, size=size):
        piece = chunk[max(start - position, 0) : max(end - position, 0)]
        position += len(chunk)
        if piece and waiting:
            yield waiting
        waiting = piece or waiting
    yield waiting


def map_file(file: BinaryIO) -> memoryview:
    """All of a file; the map of one that is not empty lives on without it."""
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.seek(0, os.SEEK_END) else b"")


class Refused(Exception):  # noqa: N818 - an answer, and not always an error
    """A request that gets an answer in the form that the distribution-spec gives to errors."""

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None, detail: object = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"Content-Type": "application/json"} | (headers or {})
        error = {"code": code, "message": message} | ({} if detail is None else {"detail": detail})
        self.body = json.dumps({"errors": [error]}).encode()


def parse_range(text: str, size: int) -> range | None:
    """The bytes that a `Range` header asks for; `None`, which is all, where it is no single range (RFC 9110, 14.2)."""
    if (found := _RANGE.fullmatch(text)) is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        return range(max(size - int(suffix), 0), size)
    if last is not None and int(last) < int(first):
        return None
    return range(int(first), size if last is None else min(int(last) + 1, size))


class BlobHandler(BaseHTTPRequestHandler):
    """One connection; `server.store` is what it serves."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds in which nothing comes or goes
    disable_nagle_algorithm = True  # or the body waits for the other side to have got the headers
    server: BlobServer

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._upload)

    do_HEAD = do_GET  # noqa: N815 - the names that http.server calls
    do_PUT = do_POST  # noqa: N815

    def _answer(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Refused as exc:
            self._refuse(exc)
        except packaging_kit.RequestError as exc:
            self._refuse(Refused(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", exc.message))
        except packaging_kit.PackagingKitError as exc:
            self._refuse(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "UNKNOWN", str(exc)))

    def _get(self) -> None:
        self._leave_body()
        path = urlsplit(self.path).path
        if path == "/v2/":
            return self._reply(HTTPStatus.OK, {}, b"{}")
        if (blob := _BLOB.fullmatch(path)) is None:
            raise Refused(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "only blobs are served")
        digest = Digest(blob[1])
        return self._send(digest, *self.server.store.open(digest))

    def _leave_body(self) -> None:
        if self.headers.get_all("Content-Length", ["0"]) != ["0"] or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # nobody reads that body, and it must not pass for the next request

    def _send(
        self,
        digest: Digest,
        size: int,
        read: Callable[[int, int], Iterator[bytes]],
        content_type: str = "application/octet-stream",
    ) -> None:
        """Answer with content, or the range of it that is asked for."""
        is_get = self.command == "GET"
        wanted = parse_range(", ".join(self.headers.get_all("Range", [])), size) if is_get else None
        headers = {"Accept-Ranges": "bytes", "Docker-Content-Digest": digest.value}
        if wanted is None:
            status, wanted = HTTPStatus.OK, range(size)
        elif wanted:
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        else:
            unsatisfied = {"Content-Range": f"bytes */{size}"}
            raise Refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "SIZE_INVALID", "no such range", unsatisfied)
        chunks = read(wanted.start, wanted.stop) if is_get else iter(())
        first = next(chunks, b"")  # what goes wrong until here can still be told
        headers |= {"Content-Length": str(len(wanted)), "Content-Type": content_type}
        self._reply(status, headers, first)
        try:
            for chunk in chunks:
                self.wfile.write(chunk)
        except packaging_kit.PackagingKitError as exc:
            self.log_error("%s", exc)
            self.close_connection = True  # too early, and so nobody takes it for all

    def _upload(self) -> None:
        """POST begins an upload, and PUT does it; POST with a digest is both at once."""
        url = urlsplit(self.path)
        upload, digests = _UPLOAD.fullmatch(url.path), parse_qs(url.query).get("digest", [])
        if upload is None or (upload[2] is None) != (self.command == "POST"):
            raise Refused(HTTPStatus.NOT_FOUND, "UNSUPPORTED", "only blobs are taken, at one go")
        if self.command == "POST" and not digests:
            self.close_connection = True
            return self._reply(HTTPStatus.ACCEPTED, {"Location": f"{url.path}{uuid4().hex}"})
        digest = Digest("".join(digests))
        self.server.store.add(digest, self._receive(digest))
        location = {"Location": f"{upload[1]}{digest}", "Docker-Content-Digest": digest.value}
        return self._reply(HTTPStatus.CREATED, location)

    def _receive(self, digest: Digest) -> memoryview:
        """The body, out of a file that nobody else sees, after a look at its size and digest."""
        sizes = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(sizes) != 1 or not re.fullmatch("[0-9]{1,18}", sizes[0]):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "SIZE_INVALID", "one `Content-Length` is needed")
        if (left := int(sizes[0])) > MOST_UPLOADED:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "SIZE_INVALID", f"more than {MOST_UPLOADED} bytes")
        hasher = digest.hasher()
        with tempfile.TemporaryFile() as file:
            while chunk := self.rfile.read(min(left, CHUNK_SIZE)):
                hasher.update(chunk)
                file.write(chunk)
                left -= len(chunk)
            if left:
                raise Refused(HTTPStatus.BAD_REQUEST, "SIZE_INVALID", f"{left} bytes are missing")
            if Digest.from_hasher(hasher, digest.algorithm) != digest:
                raise Refused(HTTPStatus.BAD_REQUEST, "DIGEST_INVALID", "the content has another digest")
            file.flush()
            return map_file(file)

    def _reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        if self.close_connection:
            headers = headers | {"Connection": "close"}
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, refused: Refused) -> None:
        self.close_connection = True  # what was not read of this request is not the next one
        self._reply(refused.status, refused.headers, refused.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself finds wrong."""
        self._refuse(Refused(code, "UNSUPPORTED", message or explain or HTTPStatus(code).phrase))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing of what went well."""


class BlobServer(ThreadingHTTPServer):
    """Serves one folder on the loopback interface; port 0 takes a free one."""

    def __init__(self, folder: Path, port: int = 0, handler: type[BlobHandler] = BlobHandler) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.store = SplitStore(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve components out of their fragments.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with BlobServer(arguments.folder, arguments.port) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
