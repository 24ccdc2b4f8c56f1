"""What refers to a manifest: by the referrers API, or by the fallback tag (distribution-spec, "Listing Referrers")."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from urllib.parse import urlencode

import requests

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, NotFoundError, RegistryError
from packaging_kit.limits import MAX_LISTED
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.index import Index, describe_index, parse_index
from packaging_kit.oci.layout import fallback_tag
from packaging_kit.oci.media_types import IMAGE_INDEX
from packaging_kit.stores.registry.answers import discard
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.listings import iter_pages
from packaging_kit.stores.registry.manifests import Manifests
from packaging_kit.stores.registry.transport import Transport

_NOBODY = Digest("sha256:" + "0" * 64)
_MOST_MERGES = 8
_SHORTEST_WAIT = 0.05  # seconds


class Referrers:
    """The referrers in one repository."""

    def __init__(self, transport: Transport, repository: str, manifests: Manifests) -> None:
        self._transport = transport
        self._repository = repository
        self._manifests = manifests
        self._has_api: bool | None = None  # as far as it is known
        self._merging = threading.Lock()

    def has_api(self) -> bool:
        """Whether the registry lists referrers itself, as far as it tells for a repository that may be new.

        Raises:
            RegistryError: where it does not tell.
        """
        if self._has_api is None:
            self._list(_NOBODY, None)
        return self._has_api is not False

    def find(self, subject: Digest, artifact_types: Collection[str] | None) -> tuple[Descriptor, ...]:
        """What is listed as referring to `subject`; whether it does is for who reads it to see.

        Raises:
            RegistryError: where the registry does not tell.
        """
        only_type = next(iter(artifact_types)) if artifact_types is not None and len(artifact_types) == 1 else None
        listed = self._list(subject, only_type) if self._has_api is not False else None
        if listed is None:
            listed = self._read_list(fallback_tag(subject)).manifests
        found = {
            entry.digest: entry for entry in listed if artifact_types is None or entry.artifact_type in artifact_types
        }
        return tuple(found[digest] for digest in sorted(found))

    def add_to_tag(self, subject: Digest, added: Iterable[Descriptor]) -> None:
        """Put referrers into the list under the fallback tag: read, merge, write, and read again.

        Two who do so at the same moment may overwrite each other; who does not find its own tries again. Who overwrites
        it has read before, so it is read again only after a time in which others will have written.

        Raises:
            RegistryError: `registry-failed`, where others keep overwriting it.
        """
        wanted = {entry.digest: _plain(entry) for entry in added}
        tag = fallback_tag(subject)
        with self._merging:
            for _ in range(_MOST_MERGES):
                began = time.monotonic()
                index = self._read_list(tag, is_to_be_changed=True)
                held = {entry.digest for entry in index.manifests}
                missing = [entry for digest, entry in wanted.items() if digest not in held]
                if not missing:
                    return
                document = replace(index, manifests=(*index.manifests, *missing)).to_document()
                self._manifests.put(document.raw, describe_index(document), tag)
                # Half of it is random, so that those who overwrote each other don't do it again.
                self._transport.wait(max(2 * (time.monotonic() - began), _SHORTEST_WAIT) * (1 + random.random()))
        raise RegistryError(
            "registry-failed",
            f"the list of referrers `{tag}` is changed by others all the time",
            answer=self._manifests.answer(tag),
        )

    def _list(self, subject: Digest, artifact_type: str | None) -> tuple[Descriptor, ...] | None:
        """What the API lists, `None` where it answers that there is nothing of the kind."""
        transport = self._transport
        query = "" if artifact_type is None else f"?{urlencode({'artifactType': artifact_type})}"
        repository = transport.container(self._repository).api_prefix
        url = f"{transport.prefix}://{transport.origin_host}/v2/{repository}/referrers/{subject}{query}"
        found: list[Descriptor] = []
        has_answered = False
        for page in iter_pages(transport, url, scope_of(self._repository, "pull"), self._is_page):
            has_answered = True
            try:
                if page.get("manifests") is not None:  # null, where there are none, from some
                    found += (Descriptor.from_json(item) for item in Fields(page).objects("manifests"))
            except DocumentError as exc:
                raise self._unreadable(subject, exc) from exc
            if len(found) > MAX_LISTED:
                raise self._unreadable(subject, None)
        return tuple(found) if has_answered else None

    def _is_page(self, response: requests.Response) -> bool:
        if response.status_code == 200:
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            # Some answer every path with a page for people.
            self._has_api = self._has_api or media_type.endswith("json")
            if not self._has_api:
                discard(response)
            return self._has_api
        if response.status_code in (400, 404, 405, 406, 501):
            try:
                self._transport.refuse(response, "a list of referrers")
            except NotFoundError as exc:
                # Who knows the question and not the repository has the API.
                if exc.answer is None or "NAME_UNKNOWN" not in exc.answer.registry_codes:
                    self._has_api = False
            except RegistryError:
                self._has_api = False
            return False
        return self._transport.refuse(response, "the list of referrers")

    def _read_list(self, tag: str, *, is_to_be_changed: bool = False) -> Index:
        try:
            fetched = self._manifests.fetch(tag)
        except NotFoundError:
            return Index(manifests=())
        if fetched.descriptor.media_type != IMAGE_INDEX:
            if is_to_be_changed:
                raise RegistryError(
                    "registry-refused", f"the tag `{tag}` names what is no list", answer=self._manifests.answer(tag)
                )
            return Index(manifests=())
        return parse_index(fetched.raw).value

    def _unreadable(self, subject: Digest, exc: DocumentError | None) -> RegistryError:
        why = "is longer than is read" if exc is None else f"can't be read: {exc}"
        return RegistryError(
            "registry-answer-invalid", f"the list of referrers {why}", answer=self._manifests.answer(str(subject))
        )


def _plain(entry: Descriptor) -> Descriptor:
    return replace(entry, others={})
