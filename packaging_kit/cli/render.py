"""Results as lines for people and as values for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from packaging_kit.cli.terminal import printable

if TYPE_CHECKING:
    # Only named here: a command must not pay for importing the operations of the others.
    from packaging_kit.blobs import Blob
    from packaging_kit.digest import Digest
    from packaging_kit.operations.digest import SplitSummary
    from packaging_kit.operations.inspect import Inspection, Node
    from packaging_kit.operations.pack import PackResult

WIDTH = 80
_SHORT_DIGEST = 12
_DEEPEST_DRAWN = 7


def digest_line(digest: object, name: str) -> str:
    """A digest and a file name, as coreutils' `sha256sum` writes them: a `\\` first where the name is escaped."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{digest}  {printable(escaped)}"


def blob_json(blob: Blob) -> dict[str, Any]:
    return {"digest": blob.digest.value, "size": blob.size}


def split_json(file: str, summary: SplitSummary) -> dict[str, Any]:
    """`schemas/digest.json`."""
    return {
        "file": file,
        **blob_json(summary.whole),
        "root": summary.root.value,
        "skeleton": blob_json(summary.skeleton),
        "fragments": [
            {"digest": fragment.digest.value, "size": fragment.size, "kind": fragment.kind}
            for fragment in summary.fragments
        ],
    }


def pack_json(result: PackResult, place: str) -> dict[str, Any]:
    """`schemas/pack.json`."""
    return {
        "file": result.file,
        "place": place,
        "tag": result.tag,
        "digest": result.digest.value,
        "form": result.form.value,
        "whole": blob_json(result.whole),
        "warnings": list(result.warnings),
    }


def inspection_json(inspection: Inspection) -> dict[str, Any]:
    """`schemas/inspect.json`."""
    interface, problem = inspection.interface, inspection.problem
    return {
        "file": inspection.file,
        "kind": inspection.kind,
        **blob_json(inspection.whole),
        "root": inspection.root.value,
        "skeleton": {"digest": inspection.root.value, "size": inspection.skeleton_size},
        "manifest": None if inspection.manifest is None else inspection.manifest.value,
        "imports": None if interface is None else list(interface.imports),
        "exports": None if interface is None else list(interface.exports),
        "problem": problem and {"code": problem.code, "message": problem.message, "offset": problem.offset},
        "annotations": dict(inspection.annotations),
        "tree": [_node_json(node) for node in inspection.nodes],
    }


def _node_json(node: Node) -> dict[str, Any]:
    return {
        "kind": node.kind,
        "parent": node.parent,
        "depth": node.depth,
        "offset": node.offset,
        "size": node.size,
        "digest": None if node.digest is None else node.digest.value,
        "fragment": node.is_fragment,
        "name": node.name,
        "producers": {field: dict(values) for field, values in node.producers},
    }


def inspection_lines(inspection: Inspection) -> Iterator[str]:
    """An inspection for people, readable at 80 columns."""
    yield from _facts(inspection)
    if inspection.problem is not None:
        yield f"names   {printable(str(inspection.problem))}"
    if inspection.interface is not None:
        yield from _list("imports", inspection.interface.imports)
        yield from _list("exports", inspection.interface.exports)
    if inspection.annotations:
        yield ""
        yield "annotations"
        for key in sorted(inspection.annotations):
            yield f"  {printable(key)}: {printable(inspection.annotations[key])}"
    yield ""
    yield f"{'offset':>13} {'size':>13} {'share':>6}  tree, with the digest of what is split out"
    for node in inspection.nodes:
        yield _node_line(node, inspection.whole.size)


def _facts(inspection: Inspection) -> Iterator[str]:
    modules = sum(node.kind == "module" and node.depth > 0 for node in inspection.nodes)
    components = sum(node.kind == "component" and node.depth > 0 for node in inspection.nodes)
    inside = ", ".join(several(count, what) for count, what in ((modules, "core module"), (components, "component")))
    yield f"file    {printable(inspection.file)}"
    yield f"kind    {inspection.kind}" + (f" with {inside} inside" if modules or components else "")
    yield f"size    {inspection.whole.size:,} bytes; the root skeleton has {inspection.skeleton_size:,}"
    yield f"digest  {inspection.whole.digest}"
    yield f"root    {inspection.root}"
    if inspection.manifest is not None:
        yield f"oci     {inspection.manifest}"
    tools = dict.fromkeys(
        f"{tool} {version}".strip()
        for node in inspection.nodes
        for field, values in node.producers
        if field != "language"
        for tool, version in values
    )
    if tools:
        yield from textwrap.wrap(f"made by {printable(', '.join(tools))}", WIDTH, subsequent_indent=" " * 8)


def several(count: int, what: str) -> str:
    """`1 blob`, `2 blobs`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _list(title: str, names: tuple[str, ...]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(names)}" if names else f"{title}: none"
    for name in names:
        yield f"  {printable(name)}"


def _node_line(node: Node, whole_size: int) -> str:
    indent = "  " * min(node.depth, _DEEPEST_DRAWN)
    if node.depth > _DEEPEST_DRAWN:
        indent += f"({node.depth}) "
    share = f"{100 * node.size / whole_size:.1f}%"
    start = f"{node.offset:>13,} {node.size:>13,} {share:>6}  {indent}{node.kind}"
    return fit_name(start, node.name, short(node.digest) if node.is_fragment and node.digest else "")


def fit_name(start: str, name: str | None, end: str) -> str:
    """A line with a name in it, which is cut where the line would be wider than a terminal."""
    end = f" {end}" if end else ""
    if name is None:
        return start + end
    room = max(WIDTH - len(start) - len(end) - 1, 8)
    shown = printable(name)
    return f"{start} {shown if len(shown) <= room else shown[: room - 1] + '…'}{end}"


def short(digest: Digest) -> str:
    """Enough of a digest to tell it from others; `--json` has all of it."""
    return digest.hex[:_SHORT_DIGEST]
