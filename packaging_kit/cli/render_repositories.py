"""What the commands on repositories print: as lines for people, and as values for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from packaging_kit.cli.render import WIDTH, blob_json, fit_name, several, short
from packaging_kit.cli.terminal import printable
from packaging_kit.oci.media_types import SKELETON_ARTIFACT, SPLIT_INDEX

if TYPE_CHECKING:
    # Only named here: a command must not pay for importing the operations of the others.
    from packaging_kit.blobs import Blob
    from packaging_kit.digest import Digest
    from packaging_kit.oci.descriptor import Descriptor
    from packaging_kit.operations.convert import Converted
    from packaging_kit.operations.diff import Diff, Difference, Position
    from packaging_kit.operations.gc import Swept
    from packaging_kit.operations.places import RepositoryPlace
    from packaging_kit.operations.stats import Sharing
    from packaging_kit.operations.verify import Problem, Verification
    from packaging_kit.transfer.copy import Copied

_MOST_MODULES = 20
_MOST_TAGS = 5


def copy_json(copied: Copied, place: RepositoryPlace) -> dict[str, Any]:
    """`schemas/copy.json`."""
    return {
        "place": str(place),
        "things": [
            {
                "tag": thing.tag,
                "digest": thing.descriptor.digest.value,
                "referrers": [_referrer_json(entry) for entry in thing.untagged],
            }
            for thing in copied.things
        ],
        "written": {"blobs": len(copied.written), "size": _size(copied.written)},
        "held": {"blobs": len(copied.held), "size": _size(copied.held)},
        "left": [_referrer_json(entry) for entry in copied.left],
    }


def copy_note(copied: Copied) -> str:
    found = f", found {_amount(copied.held)} there already" if copied.held else ""
    return f"wrote {_amount(copied.written)}{found}"


def left_note(entries: Sequence[Descriptor]) -> str:
    left = several(len(entries), "referrer")
    return (
        f"left out {left}, which the registry would not list: a skeleton, or a split; "
        "`packaging-kit push --referrers always` lists them under a tag"
    )


def _size(blobs: Iterable[Blob]) -> int:
    return sum(blob.size for blob in blobs)


def _amount(blobs: Sequence[Blob]) -> str:
    return f"{several(len(blobs), 'blob')} ({_size(blobs):,} bytes)"


def _referrer_json(entry: Descriptor) -> dict[str, Any]:
    return {"digest": entry.digest.value, "artifact_type": entry.artifact_type}


def convert_json(converted: Converted, place: str) -> dict[str, Any]:
    """`schemas/convert.json`."""
    return {
        "place": place,
        "tag": converted.tag,
        "digest": converted.digest.value,
        "form": converted.form.value,
        "manifest": converted.manifest.value,
        "former": None if converted.former is None else converted.former.value,
        "whole": blob_json(converted.whole),
        "kept": [_referrer_json(entry) for entry in converted.kept],
        "left": [_referrer_json(entry) for entry in converted.left],
        "warnings": list(converted.warnings),
    }


def convert_notes(converted: Converted, *, cncf: bool) -> Iterator[str]:
    """What became of the artifact, and of what refers to it, other than the parts of a form."""
    if converted.former is not None:
        yield f"written anew: its manifest was {converted.former}"
    elif cncf:
        yield f"in the CNCF layout already: its manifest is still {converted.manifest}"
    for warning in converted.warnings:
        yield f"warning: {warning}"
    for what, entries in (("kept", converted.kept), ("left behind", converted.left)):
        for entry in entries:
            if entry.artifact_type not in (SKELETON_ARTIFACT, SPLIT_INDEX):
                yield f"{what}: {entry.digest} {entry.artifact_type or ''}".rstrip()
    if converted.unlisted:
        yield left_note(converted.unlisted)


def verification_json(place: str, found: Verification) -> dict[str, Any]:
    """`schemas/verify.json`."""
    return {
        "place": place,
        "tags": found.tags,
        "blobs": found.blobs,
        "size": found.size,
        "components": found.components,
        "problems": [
            {
                "code": problem.code,
                "where": problem.where,
                "message": problem.message,
                "tags": list(problem.tags),
            }
            for problem in found.problems
        ],
        "unreferenced": [blob_json(blob) for blob in found.unreferenced],
    }


def verification_lines(found: Verification) -> Iterator[str]:
    for problem in found.problems:
        yield f"{problem.code}  {printable(problem.where)}"
        yield from _indented(printable(problem.message))
        if problem.tags:
            yield from _indented(f"tags touched: {_tags(problem)}")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _tags(problem: Problem) -> str:
    shown = ", ".join(printable(tag) for tag in problem.tags[:_MOST_TAGS])
    more = len(problem.tags) - _MOST_TAGS
    return f"{shown} and {more} more" if more > 0 else shown


def verification_note(found: Verification) -> str:
    blobs = f"{several(found.blobs, 'blob')} ({found.size:,} bytes)"
    said = several(len(found.problems), "problem") if found.problems else "no problem"
    spare = f"; {_amount(found.unreferenced)} unreferenced" if found.unreferenced else ""
    return f"{said} in {blobs}, {several(found.components, 'split')} and {several(found.tags, 'tag')}{spare}"


def sharing_json(places: Sequence[RepositoryPlace], sharing: Sharing) -> dict[str, Any]:
    """`schemas/stats.json`."""
    is_all = _are_whole(places)
    return {
        "places": [str(place) for place in places],
        "components": sharing.components,
        "others": sharing.others,
        "packed": sharing.packed,
        "stored": sharing.stored if is_all else None,
        "saved": sharing.saved if is_all else None,
        "split": sharing.split,
        "modules": [
            {
                "digest": module.digest.value,
                "size": module.size,
                "copies": module.copies,
                "saved": module.saved,
                "components": list(module.components),
            }
            for module in sharing.modules
        ],
    }


def sharing_lines(places: Sequence[RepositoryPlace], sharing: Sharing) -> Iterator[str]:
    """Statistics for people, readable at 80 columns."""
    others = f"; {several(sharing.others, 'tag')} of something else" if sharing.others else ""
    yield f"components  {sharing.components:,}{others}"
    yield f"packed      {_bytes(sharing.packed, sharing)}  the components, each by itself"
    yield f"split       {_bytes(sharing.split, sharing)}  their distinct modules and skeletons"
    if _are_whole(places):
        yield f"stored      {_bytes(sharing.stored, sharing)}  all blobs"
        yield f"saved       {_bytes(sharing.saved, sharing)}  what is packed, less what is stored"
    if not sharing.modules:
        return
    yield ""
    yield f"{'saved':>15} {'size':>13} {'copies':>6} {'users':>6}  module, what saves most first"
    for module in sharing.modules[:_MOST_MODULES]:
        users = len(module.components)
        yield f"{module.saved:>15,} {module.size:>13,} {module.copies:>6} {users:>6}  {short(module.digest)}"
    if len(sharing.modules) > _MOST_MODULES:
        yield f"and {len(sharing.modules) - _MOST_MODULES} more"


def _are_whole(places: Iterable[RepositoryPlace]) -> bool:
    """Nothing in them is named, and they list what they hold, as registries don't: then all of it was counted."""
    from packaging_kit.operations.places import RegistryPlace

    return not any(place.tag or place.digest or isinstance(place, RegistryPlace) for place in places)


def _bytes(part: int, sharing: Sharing) -> str:
    share = f"{100 * part / sharing.packed:.1f}%" if sharing.packed else ""
    return f"{part:>15,} bytes {share:>7}"


def users_of(sharing: Sharing, digest: Digest) -> tuple[str, ...]:
    """The components that embed a module."""
    return next((module.components for module in sharing.modules if module.digest == digest), ())


def swept_json(place: str, swept: Swept) -> dict[str, Any]:
    """`schemas/gc.json`."""
    return {
        "place": place,
        "dry_run": swept.is_dry_run,
        "entries": [digest.value for digest in swept.entries],
        "blobs": [blob_json(blob) for blob in swept.blobs],
        "size": swept.size,
        "kept": swept.kept,
    }


def swept_note(swept: Swept) -> str:
    said = "would remove" if swept.is_dry_run else "removed"
    what = "entry" if len(swept.entries) == 1 else "entries"
    entries = f" and {len(swept.entries):,} {what} without a tag" if swept.entries else ""
    return f"{said} {_amount(swept.blobs)}{entries}, kept {several(swept.kept, 'blob')}"


def diff_json(diff: Diff) -> dict[str, Any]:
    """`schemas/diff.json`."""
    return {
        **{
            key: {"file": side.name, **blob_json(side.whole), "root": side.root.value}
            for key, side in (("a", diff.before), ("b", diff.after))
        },
        "same": diff.is_same,
        "fragments": [_difference_json(difference) for difference in diff.differences],
        "needed": {
            "size": diff.needed_size,
            "blobs": [
                {"digest": fragment.digest.value, "size": fragment.size, "kind": fragment.kind}
                for fragment in diff.needed
            ],
        },
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "change": difference.change.value,
        "a": _position_json(difference.before),
        "b": _position_json(difference.after),
    }


def _position_json(position: Position | None) -> dict[str, Any] | None:
    if position is None:
        return None
    return {
        "kind": position.kind,
        "path": position.path,
        "name": position.name,
        "digest": position.digest.value,
        "size": position.size,
    }


def diff_lines(diff: Diff) -> Iterator[str]:
    """A comparison for people, readable at 80 columns."""
    for letter, side in (("A", diff.before), ("B", diff.after)):
        yield f"{letter}  {printable(side.name)}, {side.whole.size:,} bytes"
        yield f"   {side.whole.digest}"
    yield ""
    if diff.is_same:
        yield "the same, byte for byte"
        return
    if diff.differences:
        yield f"{'':7} {'size in A':>13} {'size in B':>13}  what, as it is in B or else in A"
        for difference in diff.differences:
            yield _difference_line(difference)
        yield ""
    yield f"whoever has A needs {diff.needed_size:,} bytes for B, in {several(len(diff.needed), 'blob')}"


def _difference_line(difference: Difference) -> str:
    before, after = difference.before, difference.after
    sizes = " ".join(f"{position.size:>13,}" if position else f"{'':13}" for position in (before, after))
    start = f"{difference.change.value:7} {sizes}"
    shown = after or before
    if shown is None:
        return start
    moved = f" (was {before.path})" if before and before.path != shown.path else ""
    return fit_name(f"{start}  {shown.kind} {shown.path}{moved}", shown.name, short(shown.digest))
