"""Writing a blob to a registry (distribution-spec, "Pushing blobs"), and going on after a break."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlencode

import requests

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RegistryError
from packaging_kit.limits import KIB
from packaging_kit.stores.registry.answers import BrokenError, discard, invalid
from packaging_kit.stores.registry.challenges import Scopes, scope_of
from packaging_kit.stores.registry.parts import PIECE, Content, Part
from packaging_kit.stores.registry.retries import RETRIED, Tries
from packaging_kit.stores.registry.transport import StoppedError, Transport

_RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,19})")
_TYPE: Final = {"Content-Type": "application/octet-stream"}
_TOO_LARGE: Final = 413
_LEAST_PART: Final = 64 * KIB
_DONE: Final = frozenset((201, 204))
_LOST: Final = frozenset((404, 410, 416))
"""Answers to a part of an upload that the registry knows nothing of, or has another part of."""


class Upload:
    """One blob on its way into a repository.

    Args:
        chunks: its bytes; begins anew whenever it is iterated.
        mounts: other repositories of the registry that may hold it.
    """

    def __init__(
        self, transport: Transport, repository: str, blob: Blob, chunks: Iterable[Chunk], mounts: Iterable[str]
    ) -> None:
        self._transport = transport
        self._repository = repository
        self._blob = blob
        self._content = Content(blob, chunks)
        self._mounts = tuple(mounts)
        self._scopes = scope_of(repository, "pull", "push")
        self._part_size: int | None = None  # where it has to be sent in parts
        self._least_part = _LEAST_PART
        # Each kind of request has its tries, however often the upload begins anew.
        self._tries: defaultdict[str, Tries] = defaultdict(lambda: Tries(transport.options))

    def run(self) -> bool:
        """Upload it; whether its bytes were sent, and were not mounted.

        Raises:
            ContentError: `digest-mismatch`, `size-mismatch`, where the chunks are not the blob.
            RegistryError: and what the chunks raise.
        """
        if not self._blob.size:
            list(self._content.iter_range(0, 0))  # as there is no body with which it would be checked
        location, start = self._mount(), 0
        if location == "":
            return False
        while True:
            location = location or self._begin()
            answer = self._try_to_send(location, start)
            status = None if isinstance(answer, BrokenError) else answer.status_code
            if not isinstance(answer, BrokenError):
                if status in _DONE:
                    discard(answer)
                    return True
                if status == _TOO_LARGE and self._may_send_smaller():
                    discard(answer)
                    location, start = None, 0
                    continue
            self._wait(answer, is_rest=start > 0)
            if self._is_there():
                return True  # it was complete, and only the answer was lost
            may_go_on = status is None or status in RETRIED
            location, start = self._find_rest(location) if may_go_on else (None, 0)

    def _try_to_send(self, location: str, start: int) -> requests.Response | BrokenError:
        """The answer to the last request of it, or how the connection broke."""
        try:
            return self._send(location, start)
        except BrokenError as exc:
            if exc is self._content.failure:
                raise  # where the bytes come from had its own tries
            return exc

    def _wait(self, answer: requests.Response | BrokenError, *, is_rest: bool) -> None:
        """Wait until it is sent again.

        Raises:
            RegistryError: where it is not.
        """
        tries = self._tries["send"]
        if isinstance(answer, BrokenError):
            if (wait := tries.next_wait()) is None:
                raise answer
        else:
            is_worth_it = is_rest or answer.status_code in _LOST | RETRIED
            wait = tries.next_wait(answer.headers.get("Retry-After")) if is_worth_it else None
            if wait is None:
                self._transport.refuse(answer, f"the blob {self._blob.digest}")
            discard(answer)
        self._transport.wait(wait)

    def _mount(self) -> str | None:
        """Have the registry take it from a neighbour: empty where it did, else where to send it, if it said so.

        Nothing but a connection that breaks ends the upload here: without the neighbour it may go well.
        """
        location = None
        for neighbour in self._mounts:
            query = urlencode({"mount": self._blob.digest.value, "from": neighbour}, safe=":/")
            scopes = self._scopes | scope_of(neighbour, "pull")
            try:
                response = self._post(f"{self._uploads()}?{query}", scopes, self._tries["mount"])
                if response.status_code in (201, 202) and location is not None:
                    self._cancel(location)  # some take no more uploads while many are open
                    location = None
                if response.status_code == 202:
                    location = self._opened(response)  # it may be with the next one
            except (BrokenError, StoppedError):
                raise
            except (RegistryError, NotFoundError):
                continue  # of the neighbour, it may be
            discard(response)  # else refused, or nothing is known of the neighbour
            if response.status_code == 201:
                return ""
        return location

    def _cancel(self, location: str) -> None:
        """Have the registry forget an upload; where it does not, it does so in time."""
        try:
            discard(
                self._transport.do_request(
                    location, "DELETE", scopes=self._scopes, tries=Tries(self._transport.options, 1)
                )
            )
        except StoppedError:
            raise
        except (RegistryError, NotFoundError):
            return

    def _begin(self) -> str:
        """Open an upload; where to send it."""
        response = self._post(self._uploads(), self._scopes, self._tries["begin"])
        if response.status_code != 202:
            self._transport.refuse(response, f"an upload to {self._repository}")
        return self._opened(response)

    def _opened(self, response: requests.Response) -> str:
        """Where to send an upload that was opened, in parts that are large enough."""
        discard(response)
        least = response.headers.get("OCI-Chunk-Min-Length", "")
        if least.isdecimal():
            self._least_part = max(self._least_part, min(int(least[:18]), self._blob.size))
        if self._part_size is not None:
            self._part_size = max(self._part_size, self._least_part)
        return self._transport.location(response)

    def _post(self, url: str, scopes: Scopes, tries: Tries) -> requests.Response:
        return self._transport.do_request(url, "POST", scopes=scopes, tries=tries)

    def _uploads(self) -> str:
        return f"{self._transport.prefix}://{self._transport.container(self._repository).upload_blob_url()}"

    def _send(self, location: str, start: int) -> requests.Response:
        if start > 0 or self._part_size is not None:
            return self._send_parts(location, start, self._part_size or self._blob.size)
        return self._request("PUT", self._with_digest(location), self._part(0, self._blob.size))

    def _send_parts(self, location: str, start: int, part_size: int) -> requests.Response:
        """Send what is left from `start` on part by part, and end the upload; the last answer."""
        while start < self._blob.size:
            end = min(start + part_size, self._blob.size)
            headers = {"Content-Range": f"{start}-{end - 1}"}
            response = self._request("PATCH", location, self._part(start, end), headers)
            if response.status_code not in (202, 201, 204):
                return response
            discard(response)
            location, start = self._transport.location(response), end
        return self._request("PUT", self._with_digest(location), None)

    def _find_rest(self, location: str) -> tuple[str | None, int]:
        """Ask how much of a broken upload arrived: where to send the rest, and where that starts.

        Returns:
            `None` and 0 where it has to begin anew.
        """
        response = self._transport.do_request(location, "GET", scopes=self._scopes, tries=self._tries["find rest"])
        discard(response)
        arrived = _RANGE.fullmatch(response.headers.get("Range", "").strip())
        # `0-0` is what some say of nothing at all, and beginning anew costs no more.
        start = int(arrived[1]) + 1 if arrived is not None and arrived[1] != "0" else 0
        if response.status_code != 204 or not 0 < start <= self._blob.size:
            return None, 0
        self._tries["send"].go_on_from(start)
        return self._transport.location(response) if "Location" in response.headers else location, start

    def _is_there(self) -> bool:
        tries = self._tries["look"]
        found = blob_size(self._transport, self._repository, self._blob.digest, self._scopes, tries)
        return found == self._blob.size

    def _may_send_smaller(self) -> bool:
        """The registry takes no body of this size; whether there is a smaller one to try."""
        options = self._transport.options
        before = self._blob.size if self._part_size is None else self._part_size
        # In parts, though it be a single one, a registry may take what it refuses at once.
        if before <= (_LEAST_PART if self._part_size is None else self._least_part):
            return False
        self._part_size = max(min(options.chunk_size, before // 2), self._least_part)
        return True

    def _part(self, start: int, end: int) -> Part | bytes:
        part = Part(self._content, start, end)
        # What is sent at once goes with its headers, in one packet.
        return b"".join(part) if end - start == self._blob.size <= PIECE else part

    def _request(
        self, method: str, url: str, body: Part | bytes | None, headers: dict[str, str] | None = None
    ) -> requests.Response:
        all_headers = {**_TYPE, **(headers or {})}
        if body is not None and not len(body):
            body = None
        return self._transport.do_request(
            url, method, data=body, headers=all_headers, scopes=self._scopes, tries=Tries(self._transport.options, 1)
        )

    def _with_digest(self, location: str) -> str:
        return f"{location}{'&' if '?' in location else '?'}digest={quote(self._blob.digest.value, safe=':')}"


def blob_size(
    transport: Transport, repository: str, digest: Digest, scopes: Scopes, tries: Tries | None = None
) -> int | None:
    """The size that a blob has in a repository; `None` where it is not there.

    Args:
        tries: those that are left, where it was asked for before.

    Raises:
        RegistryError: where the registry does not tell.
    """
    url = f"{transport.prefix}://{transport.container(repository).get_blob_url(digest.value)}"
    tries = tries or Tries(transport.options)
    for is_last in (False, True):  # an answer that was cut off looks like one that lacks the size
        response = transport.do_request(url, "HEAD", scopes=scopes, tries=tries)
        discard(response)
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            transport.refuse(response, f"the blob {digest}")
        size = response.headers.get("Content-Length", "")
        if size.isdecimal() and len(size) < 20:
            return int(size)
        if is_last or (wait := tries.next_wait()) is None:
            break
        transport.wait(wait)
    raise invalid(response, "it does not tell the size of a blob")
