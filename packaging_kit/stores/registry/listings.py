"""Listings that come in pages: tags and referrers (distribution-spec, "Content Discovery")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import requests

from packaging_kit.document import parse_json
from packaging_kit.errors import DocumentError, RegistryError, RequestError
from packaging_kit.limits import MAX_LISTING_SIZE, MAX_MANIFEST_SIZE, MAX_PAGES
from packaging_kit.stores.registry.answers import answer_of, invalid
from packaging_kit.stores.registry.challenges import Scopes
from packaging_kit.stores.registry.origin import Origin, join
from packaging_kit.stores.registry.transport import Transport

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r"(?:^|;)\s*rel\s*=\s*(?:next\b|\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\")", re.IGNORECASE)


def iter_pages(
    transport: Transport, url: str, scopes: Scopes, check: Callable[[requests.Response], bool]
) -> Iterator[dict[str, Any]]:
    """The pages of a listing, as far as the registry links to the next one.

    Args:
        check: is given each answer, and raises or says whether it is a page.

    Raises:
        RegistryError: `registry-answer-invalid`, for more than 10,000 pages, one that came before, or what is no
            JSON object; `registry-answer-too-large`, for more than 16 MiB; `registry-untrusted`, for a next page
            elsewhere.
    """
    seen = {url}
    size = 0
    for _ in range(MAX_PAGES):
        response, raw = transport.read(url, MAX_MANIFEST_SIZE, scopes=scopes)
        if not check(response):
            return
        size += len(raw) + len(url)
        if size > MAX_LISTING_SIZE:
            message = f"its pages have more than {MAX_LISTING_SIZE} bytes together"
            raise RegistryError("registry-answer-too-large", message, answer=answer_of(response))
        yield _parse(raw, response)
        following = _next(response)
        if following is None:
            return
        if following in seen:
            raise invalid(response, "its pages lead in a circle")
        seen.add(following)
        url = following
    raise invalid(response, f"more than {MAX_PAGES} pages")


def _parse(raw: bytes, response: requests.Response) -> dict[str, Any]:
    try:
        page = parse_json(raw)
    except DocumentError as exc:
        raise invalid(response, f"a page that can't be read: {exc}") from exc
    if not isinstance(page, dict):
        raise invalid(response, "a page that is no object")
    return page


def _next(response: requests.Response) -> str | None:
    """The next page (RFC 8288), which has to be of the same origin: whoever wanders off learns nothing."""
    for link, parameters in _LINK.findall(response.headers.get("Link", "")):
        if not _NEXT.search(parameters):
            continue
        here = str(response.request.url)
        try:
            following = join(here, link)
            is_same = Origin.of(following) == Origin.of(here)
        except RequestError as exc:
            raise invalid(response, f"its next page: {exc.message}") from exc
        if not is_same:
            raise RegistryError("registry-untrusted", "its next page is elsewhere", answer=answer_of(response))
        return following
    return None
