"""What the commands on repositories print: as lines for people, and as values for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from packaging_kit.cli.render import blob_json, digest_line
from packaging_kit.cli.terminal import printable

if TYPE_CHECKING:
    # Only named here: a command must not pay for importing the operations of the others.
    from packaging_kit.digest import Digest
    from packaging_kit.oci.descriptor import Descriptor
    from packaging_kit.operations.convert import Converted
    from packaging_kit.operations.diff import Diff, Difference, Position
    from packaging_kit.operations.gc import Swept
    from packaging_kit.operations.places import RepositoryPlace
    from packaging_kit.operations.stats import Sharing
    from packaging_kit.operations.verify import Problem, Verification
    from packaging_kit.transfer.copy import Copied

_SHORT_DIGEST = 12
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
        "written": {"blobs": len(copied.written), "size": sum(blob.size for blob in copied.written)},
        "held": {"blobs": len(copied.held), "size": sum(blob.size for blob in copied.held)},
    }


def copy_note(copied: Copied) -> str:
    written, held = (
        f"{len(blobs)} blobs ({sum(b.size for b in blobs):,} bytes)" for blobs in (copied.written, copied.held)
    )
    return f"wrote {written}; {held} were there"


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
        "whole": blob_json(converted.whole),
        "kept": [_referrer_json(entry) for entry in converted.kept],
        "left": [_referrer_json(entry) for entry in converted.left],
    }


def convert_notes(converted: Converted) -> Iterator[str]:
    for what, entries in (("kept", converted.kept), ("left", converted.left)):
        for entry in entries:
            yield f"{what} the referrer {entry.digest} of type {entry.artifact_type}"


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
        yield f"{problem.code}  {printable(problem.where)}: {printable(problem.message)}{_touched(problem)}"


def _touched(problem: Problem) -> str:
    if not problem.tags:
        return ""
    shown = ", ".join(printable(tag) for tag in problem.tags[:_MOST_TAGS])
    more = len(problem.tags) - _MOST_TAGS
    return f" [touches {shown}{f' and {more} more' if more > 0 else ''}]"


def verification_note(found: Verification) -> str:
    checked = f"{found.blobs} blobs ({found.size:,} bytes), {found.components} splits, {found.tags} tags"
    said = f"{len(found.problems)} problems" if found.problems else "no problem"
    unreferenced = sum(blob.size for blob in found.unreferenced)
    spare = f"; {len(found.unreferenced)} blobs ({unreferenced:,} bytes) are unreferenced" if found.unreferenced else ""
    return f"{said} in {checked}{spare}"


def sharing_json(places: list[str], sharing: Sharing) -> dict[str, Any]:
    """`schemas/stats.json`."""
    return {
        "places": places,
        "components": sharing.components,
        "others": sharing.others,
        "packed": sharing.packed,
        "stored": sharing.stored,
        "saved": sharing.saved,
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


def sharing_lines(sharing: Sharing) -> Iterator[str]:
    """Statistics for people, readable at 80 columns."""
    others = f", and {sharing.others} tags that name something else" if sharing.others else ""
    yield f"components  {sharing.components}{others}"
    yield f"packed      {sharing.packed:>15,} bytes: the components, each by itself"
    yield f"stored      {sharing.stored:>15,} bytes: all blobs{_share(sharing.stored, sharing.packed)}"
    yield f"saved       {sharing.saved:>15,} bytes"
    yield f"split       {sharing.split:>15,} bytes: distinct fragments{_share(sharing.split, sharing.packed)}"
    if not sharing.modules:
        return
    yield ""
    yield f"{'saved':>15} {'size':>13} {'copies':>6} {'users':>6}  module, by the bytes that storing it once saves"
    for module in sharing.modules[:_MOST_MODULES]:
        short = f"{module.digest.algorithm}:{module.digest.hex[:_SHORT_DIGEST]}"
        yield f"{module.saved:>15,} {module.size:>13,} {module.copies:>6} {len(module.components):>6}  {short}"
    if len(sharing.modules) > _MOST_MODULES:
        yield f"and {len(sharing.modules) - _MOST_MODULES} more"


def _share(part: int, whole: int) -> str:
    return f", {100 * part / whole:.1f}%" if whole else ""


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
    return f"{said} {len(swept.blobs)} blobs ({swept.size:,} bytes) and {len(swept.entries)} entries; {swept.kept} stay"


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
    for mark, side in (("-", diff.before), ("+", diff.after)):
        yield digest_line(side.whole.digest, f"{side.name}").replace("  ", f" {mark} ", 1)
    if diff.is_same:
        yield "the same, byte for byte"
        return
    yield ""
    yield f"{'change':7} {'size of A':>13} {'size of B':>13}  fragment of B, else of A"
    for difference in diff.differences:
        yield _difference_line(difference)
    yield ""
    yield f"a holder of A needs {diff.needed_size:,} bytes for B, in {len(diff.needed)} fragments and skeletons"


def _difference_line(difference: Difference) -> str:
    before, after = difference.before, difference.after
    shown = after or before
    sizes = " ".join(f"{position.size:>13,}" if position else f"{'':13}" for position in (before, after))
    if shown is None:
        return sizes
    moved = f" (was {before.path})" if before and after and before.path != after.path else ""
    name = f" {printable(shown.name)}" if shown.name else ""
    what = f"{shown.kind} {shown.path}{moved} {shown.digest.hex[:_SHORT_DIGEST]}{name}"
    return f"{difference.change.value:7} {sizes}  {what}"
