"""The entries of a layout's `index.json`: pure functions over an index (docs/format.md, "Layouts")."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.media_types import INDEXES, OWN_REFERRERS, REF_NAME

LAYOUT_FILE: Final = b'{"imageLayoutVersion":"1.0.0"}'

_FALLBACK_TAG = re.compile(r"(?:sha256-[0-9a-f]{64})|(?:sha512-[0-9a-f]{128})")

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


def is_fallback_tag(tag: str) -> bool:
    """Whether a tag has the form of the one under which others list referrers."""
    return _FALLBACK_TAG.fullmatch(tag) is not None


def is_referrers_list(entry: Descriptor) -> bool:
    """Whether this is the fallback tag of a subject (distribution-spec, "Referrers Tag Schema")."""
    return lists_referrers(entry.annotations.get(REF_NAME, ""), entry)


def lists_referrers(tag: str, entry: Descriptor) -> bool:
    """The same of what `tag` names."""
    return is_fallback_tag(tag) and entry.media_type in INDEXES


def fallback_tag(subject: Digest) -> str:
    """The tag under which others list what refers to `subject`."""
    return subject.value.replace(":", "-")


def find(index: Index, tag: str | None) -> Descriptor:
    """What a tag names; without one the only tagged entry.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-ambiguous`.
    """
    tagged = tags(index)
    if tag is not None:
        if tag not in tagged:
            raise NotFoundError("not-found", f"the layout has no tag `{tag}`", hint=_list(tagged))
        return tagged[tag]
    tagged = {tag: entry for tag, entry in tagged.items() if not is_referrers_list(entry)}
    if len(tagged) == 1:
        return next(iter(tagged.values()))
    untagged = [entry for entry in index.manifests if REF_NAME not in entry.annotations]
    if not tagged and len(untagged) == 1:
        return untagged[0]
    if not tagged:
        raise NotFoundError("not-found", "the layout has no tags")
    raise RequestError("tag-ambiguous", f"the layout has {len(tagged)} tags", hint=_list(tagged))


def put(
    index: Index, things: Iterable[Tagged], subject_of: SubjectOf, *, force: bool, without: Collection[Digest] = ()
) -> Index:
    """`index` with `things` in it, sorted: tagged entries by tag, then the others by digest.

    A tag that moves takes along the entries of our own referrers to what it named before.

    Args:
        without: untagged entries that have no use any longer.

    Raises:
        StoreError: `tag-exists`, where a tag names something else and `force` is not set.
    """
    put_in = {thing.tag: thing for thing in things}
    untagged = {entry.digest: entry for thing in put_in.values() for entry in thing.untagged}
    # An untagged entry that says no more than a new one has no use any longer.
    known = {thing.descriptor.digest: thing.descriptor for thing in put_in.values()} | untagged
    kept: list[Descriptor] = []
    left: set[Digest] = set()
    former = tags(index)
    for entry in index.manifests:
        thing = put_in.get(entry.annotations[REF_NAME]) if REF_NAME in entry.annotations else None
        if thing is not None:
            left.add(entry.digest)
        elif known.get(entry.digest) != entry:
            kept.append(entry)
    for thing in put_in.values():
        entry = _with_tag(thing.descriptor, thing.tag)
        named = former.get(thing.tag, entry)
        if named.digest != entry.digest and not force:
            raise StoreError("tag-exists", f"the tag `{thing.tag}` names {named.digest}", hint="`--force` moves it")
        # What others say of the same thing in its entry survives.
        kept.append(named if (named.blob, named.media_type) == (entry.blob, entry.media_type) else entry)
    entries = kept
    tagged = {entry.digest for entry in entries if REF_NAME in entry.annotations}
    # One that others added something to says what the new one would.
    said = tagged | {entry.digest for entry in kept if _bare(entry) == untagged.get(entry.digest)}
    entries += (entry for entry in untagged.values() if entry.digest not in said)
    entries = [entry for entry in entries if entry.digest not in without or REF_NAME in entry.annotations]
    left -= tagged
    if left:
        entries = [e for e in entries if e.digest in untagged or not _is_own_referrer(e, left, subject_of)]
    return _sorted(index, entries)


def remove_tags(index: Index, unwanted: Collection[str], subject_of: SubjectOf) -> Index:
    """`index` without these tags, and without our own referrers to what no other tag names.

    Raises:
        NotFoundError: `not-found`, where a tag is not there.
    """
    tagged = tags(index)
    for tag in unwanted:
        if tag not in tagged:
            raise NotFoundError("not-found", f"the layout has no tag `{tag}`", hint=_list(tagged))
    entries = [entry for entry in index.manifests if entry.annotations.get(REF_NAME) not in unwanted]
    left = {entry.digest for entry in index.manifests if entry.annotations.get(REF_NAME) in unwanted}
    left -= {entry.digest for entry in entries}
    return _sorted(index, [entry for entry in entries if not _is_own_referrer(entry, left, subject_of)])


def keep_only(index: Index, kept: Collection[Digest]) -> Index:
    """`index` with its tagged entries, and those of the others that are `kept`."""
    return _sorted(index, [e for e in index.manifests if REF_NAME in e.annotations or e.digest in kept])


def _sorted(index: Index, entries: Iterable[Descriptor]) -> Index:
    return replace(index, manifests=tuple(sorted(entries, key=_order)))


def _order(entry: Descriptor) -> tuple[bool, str]:
    # Where others wrote a tag twice, the order tells which of them counts, and stays.
    if REF_NAME in entry.annotations:
        return False, entry.annotations[REF_NAME]
    return True, entry.digest.value


def _is_own_referrer(entry: Descriptor, subjects: set[Digest], subject_of: SubjectOf) -> bool:
    is_own = REF_NAME not in entry.annotations and entry.artifact_type in OWN_REFERRERS
    return is_own and subject_of(entry) in subjects


def _bare(entry: Descriptor) -> Descriptor:
    return replace(entry, annotations={}, others={})


def _with_tag(descriptor: Descriptor, tag: str) -> Descriptor:
    return replace(descriptor, annotations={**descriptor.annotations, REF_NAME: tag})


def _list(tagged: dict[str, Descriptor]) -> str:
    shown = sorted(tagged)[:20]
    more = f" and {len(tagged) - len(shown)} more" if len(tagged) > len(shown) else ""
    return "its tags: " + ", ".join(f"`{tag}`" for tag in shown) + more if tagged else "it has none"
