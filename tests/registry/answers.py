"""What the parts of the API share: the call that they answer, refusals, and pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from tests.registry.behaviour import Behaviour
from tests.registry.messages import Request, Response, json_response
from tests.registry.state import Repository, State

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

NOT_SUPPORTED: Final = Response(
    status=404, headers=(("Content-Type", "text/plain; charset=utf-8"),), body=b"404 page not found\n"
)
"""The answer to a path that the registry knows nothing of."""


class RefusedError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str = "", *headers: tuple[str, str]) -> None:
        super().__init__(code)
        self.response = refusal(status, code, message, *headers)


def refusal(status: int, code: str, message: str = "", *headers: tuple[str, str]) -> Response:
    """An error as the distribution spec has it."""
    errors = [{"code": code, "message": message or code.lower().replace("_", " ")}]
    return json_response({"errors": errors}, status, *headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to one repository, with all that is needed to answer it."""

    request: Request
    name: str
    state: State
    behaviour: Behaviour
    origin: str

    @property
    def repository(self) -> Repository:
        """The repository that the request is about.

        Raises:
            RefusedError: `NAME_UNKNOWN`.
        """
        with self.state.lock:
            found = self.state.repositories.get(self.name)
        if found is None:
            raise RefusedError(404, "NAME_UNKNOWN")
        return found

    def location(self, path: str, query: str = "") -> tuple[str, str]:
        return "Location", self.url(path, query)

    def url(self, path: str, query: str = "") -> str:
        origin = self.origin if self.behaviour.absolute_locations else ""
        return f"{origin}/v2/{self.name}/{path}" + (f"?{query}" if query else "")

    def digest_field(self, digest: str) -> tuple[tuple[str, str], ...]:
        return (("Docker-Content-Digest", digest),) if self.behaviour.digest_header else ()


def check_digest(text: str) -> str:
    """`text`, where it is a digest.

    Raises:
        RefusedError: `DIGEST_INVALID`.
    """
    if not _DIGEST.fullmatch(text):
        raise RefusedError(400, "DIGEST_INVALID")
    return text


def page(
    call: Call, path: str, names: Sequence[str], most: int | None
) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The names of one page, and the `Link` to the next."""
    query = call.request.query
    last = query.get("last", "")
    rest = [name for name in names if name > last]
    size = _page_size(query, most, len(rest))
    shown = rest[:size]
    if len(shown) == len(rest) or not shown:
        return shown, ()
    others = "".join(f"&{key}={quote(value, safe='')}" for key, value in query.items() if key not in ("n", "last"))
    following = call.url(path, f"n={size}&last={quote(shown[-1], safe='')}{others}")
    return shown, (("Link", f'<{following}>; rel="next"'),)


def _page_size(query: dict[str, Any], most: int | None, default: int) -> int:
    try:
        asked = int(query.get("n", default))
    except ValueError:
        raise RefusedError(400, "PAGINATION_NUMBER_INVALID") from None
    if asked < 0:
        raise RefusedError(400, "PAGINATION_NUMBER_INVALID")
    return asked if most is None else min(asked, most)
