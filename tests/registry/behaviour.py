"""What a registry can do and how it says things: registries differ, and all of this is allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """The defaults are those of a registry that can do everything."""

    referrers: bool = True
    """The referrers API, and `OCI-Subject`; without it there is a 404 in plain text."""
    referrers_filter: bool = True
    """Filters by `artifactType`, and says so; otherwise all are listed."""
    referrers_page: int | None = None
    """Entries on a page of referrers."""
    tags_page: int | None = None
    """The most tags on a page; a client may ask for fewer."""
    mount: bool = True
    """Otherwise a mount starts an upload."""
    single_post: bool = True
    """POST with a digest and the content ends the upload; otherwise the content is ignored, and an upload starts."""
    ranges: bool = True
    """Otherwise `Range` is ignored."""
    absolute_locations: bool = False
    """`Location` and `Link` with scheme and host."""
    location_query: str = ""
    """Goes with every upload's `Location` and must come back, as `_state=x`; `{offset}` becomes the upload's offset."""
    chunk_min_length: int | None = None
    """Sent as `OCI-Chunk-Min-Length`; nothing may follow a smaller chunk."""
    max_put: int | None = None
    """Bytes that POST and PUT take at most: larger content has to come in chunks."""
    max_patch: int | None = None
    """Bytes that one PATCH takes at most."""
    max_manifest: int = 4 << 20
    accept_needed: bool = False
    """GET and HEAD of a manifest whose type the client does not accept is a 404, as with `distribution`."""
    children_needed: bool = True
    """What a manifest names must be there before it."""
    digest_header: bool = True
    """Answers have `Docker-Content-Digest`."""
    deletes: bool = True
    """Otherwise DELETE of content is a 405."""


GOOD: Final = Behaviour()
