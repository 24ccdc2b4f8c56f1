"""The entries of a layout's `index.json`: pure functions over an index (docs/format.md, "Layouts")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.media_types import OWN_REFERRERS, REF_NAME

LAYOUT_FILE: Final = b'{"imageLayoutVersion":"1.0.0"}'

SubjectOf = Callable[[Descriptor], Digest | None]
"""What a manifest or index refers to."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """One thing to be named in a layout, and its referrers, which stand there without a tag."""

    tag: str
    descriptor: Descriptor
    untagged: tuple[Descriptor, ...] = ()


def tags(index: Index) -> dict[str, Descriptor]:
    """What each tag names; the last entry counts where others wrote a tag twice."""
    return {entry.annotations[REF_NAME]: entry for entry in index.manifests if REF_NAME in entry.annotations}


def find(index: Index, tag: str | None, digest: Digest | None) -> Descriptor:
    """The entry that a place names; without tag and digest the only tagged one.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-ambiguous`.
    """
    tagged = tags(index)
    if digest is not None:
        for entry in index.manifests:
            if entry.digest == digest:
                return entry
        raise NotFoundError("not-found", f"the layout has no entry {digest}")
    if tag is not None:
        if tag not in tagged:
            raise NotFoundError("not-found", f"the layout has no tag `{tag}`", hint=_list(tagged))
        return tagged[tag]
    if len(tagged) == 1:
        return next(iter(tagged.values()))
    if not tagged and len(index.manifests) == 1:
        return index.manifests[0]
    if not tagged:
        raise NotFoundError("not-found", "the layout has no tags")
    raise RequestError("tag-ambiguous", f"the layout has {len(tagged)} tags", hint=_list(tagged))


def put(index: Index, things: Iterable[Tagged], subject_of: SubjectOf, *, force: bool) -> Index:
    """`index` with `things` in it, sorted: tagged entries by tag, then the others by digest.

    A tag that moves takes along the entries of our own referrers to what it named before.

    Raises:
        StoreError: `tag-exists`, where a tag names something else and `force` is not set.
    """
    put_in = {thing.tag: thing for thing in things}
    untagged = {entry.digest: entry for thing in put_in.values() for entry in thing.untagged}
    # An untagged entry that says no more than a new one has no use any longer.
    known = {thing.descriptor.digest: thing.descriptor for thing in put_in.values()} | untagged
    kept: list[Descriptor] = []
    left: set[Digest] = set()
    for entry in index.manifests:
        thing = put_in.get(entry.annotations.get(REF_NAME, ""))
        if thing is None:
            if known.get(entry.digest) != entry:
                kept.append(entry)
        elif entry.digest != thing.descriptor.digest:
            if not force:
                raise StoreError("tag-exists", f"the tag `{thing.tag}` names {entry.digest}", hint="`--force` moves it")
            left.add(entry.digest)
    entries = [*kept, *(_with_tag(thing.descriptor, thing.tag) for thing in put_in.values())]
    tagged = {entry.digest for entry in entries if REF_NAME in entry.annotations}
    entries += (entry for entry in untagged.values() if entry.digest not in tagged)
    left -= tagged
    if left:
        entries = [entry for entry in entries if not _is_own_referrer(entry, left, subject_of)]
    return replace(index, manifests=tuple(sorted(entries, key=_order)))


def _order(entry: Descriptor) -> tuple[bool, str, Digest]:
    return REF_NAME not in entry.annotations, entry.annotations.get(REF_NAME, ""), entry.digest


def _is_own_referrer(entry: Descriptor, subjects: set[Digest], subject_of: SubjectOf) -> bool:
    is_own = REF_NAME not in entry.annotations and entry.artifact_type in OWN_REFERRERS
    return is_own and subject_of(entry) in subjects


def _with_tag(descriptor: Descriptor, tag: str) -> Descriptor:
    return replace(descriptor, annotations={**descriptor.annotations, REF_NAME: tag})


def _list(tagged: dict[str, Descriptor]) -> str:
    shown = sorted(tagged)[:20]
    more = f" and {len(tagged) - len(shown)} more" if len(tagged) > len(shown) else ""
    return "its tags: " + ", ".join(f"`{tag}`" for tag in shown) + more if tagged else "it has none"
