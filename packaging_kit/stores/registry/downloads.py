"""Reading a blob from a registry (distribution-spec, "Pulling blobs"), and going on after a break."""

from __future__ import annotations

import re
from collections.abc import Iterator

import requests

from packaging_kit.digest import Digest
from packaging_kit.stores.registry.answers import BrokenError, discard, invalid, read_pieces
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.retries import Tries
from packaging_kit.stores.registry.transport import Transport

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/(?:[0-9]{1,19}|\*)")


def iter_blob(
    transport: Transport, repository: str, digest: Digest, start: int = 0, end: int | None = None
) -> Iterator[bytes]:
    """The bytes `start:end` of a blob as the registry gives them; after a break from where it broke.

    Raises:
        NotFoundError: `not-found`.
        RegistryError: and `BrokenError`, where it broke too often.
    """
    tries = Tries(transport.options)
    position = start
    while end is None or position < end:
        try:
            response = _ask(transport, repository, digest, position, end, tries)
            if response is None:
                return  # there is nothing from here on
            for piece in _from(response, position, end):
                position += len(piece)
                yield piece
            return
        except BrokenError:
            tries.go_on_from(position - start)
            if (wait := tries.next_wait()) is None:
                raise
        transport.wait(wait)


def _ask(
    transport: Transport, repository: str, digest: Digest, start: int, end: int | None, tries: Tries
) -> requests.Response | None:
    url = f"{transport.prefix}://{transport.container(repository).get_blob_url(digest.value)}"
    is_part = start > 0 or end is not None
    headers = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if is_part else {}
    response = transport.do_request(url, headers=headers, scopes=scope_of(repository, "pull"), tries=tries)
    if is_part and response.status_code == 416:
        discard(response)
        return None
    if response.status_code not in (200, 206) or (response.status_code == 206 and not is_part):
        transport.refuse(response, f"the blob {digest}")
    return response


def _from(response: requests.Response, start: int, end: int | None) -> Iterator[bytes]:
    """The bytes `start:end`, of an answer that may begin earlier and end later."""
    position = 0
    if response.status_code == 206:
        content_range = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if content_range is None or int(content_range[1]) > start:
            response.close()
            raise invalid(response, "it answers with another range")
        position = int(content_range[1])
    for piece in read_pieces(response):
        first, last = start - position, len(piece) if end is None else end - position
        position += len(piece)
        if first < len(piece) and last > 0:
            yield piece[max(first, 0) : last]
        if end is not None and position >= end:
            response.close()
            return
