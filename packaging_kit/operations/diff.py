"""`diff`: what changed between two components, fragment by fragment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.operations.digest import FragmentSummary, summarise
from packaging_kit.operations.inputs import Input, open_view
from packaging_kit.operations.inspect import Node, find_nodes
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import open_component, read_component


class Change(Enum):
    """What became of a fragment."""

    KEPT = "kept"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A fragment where it stands in one of the two components.

    Attributes:
        kind: `component` or `module`.
        path: which child of which child of the whole it is, as `2.0`: modules and components count, from 0.
        name: what it calls itself.
        digest: of the fragment.
        size: of its bytes in the whole.
    """

    kind: str
    path: str
    name: str | None
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fragment before and after; one of them is `None` where it was added or removed."""

    change: Change
    before: Position | None
    after: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two components.

    Attributes:
        name: as it was given.
        whole: digest and size.
        root: of its canonical split.
    """

    name: str
    whole: Blob
    root: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What changed.

    Attributes:
        before: A.
        after: B.
        differences: fragments in the order of B, then those that are only in A.
        needed: blobs that a holder of A's fragments lacks for B: modules and skeletons, the root's first.
    """

    before: Side
    after: Side
    differences: tuple[Difference, ...]
    needed: tuple[FragmentSummary, ...]

    @property
    def is_same(self) -> bool:
        """The two are equal, byte for byte."""
        return self.before.whole == self.after.whole

    @property
    def needed_size(self) -> int:
        """In bytes."""
        return sum(fragment.size for fragment in self.needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    side: Side
    fragments: tuple[FragmentSummary, ...]
    positions: tuple[Position, ...]


def diff(before: Input | RepositoryPlace, after: Input | RepositoryPlace, settings: Settings) -> Diff:
    """Compare two components, each a file or in a repository; both are read and verified.

    Equal fragments are kept wherever they stand; of the others, those with the same name, then those in the
    same position, are the same thing changed.

    Raises:
        WasmFormatError: where one can't be split; and what `unpack` raises.
    """
    a, b = _know(before, settings), _know(after, settings)
    held = {fragment.digest for fragment in a.fragments}
    return Diff(
        before=a.side,
        after=b.side,
        differences=tuple(_compare(a.positions, b.positions)),
        needed=tuple(fragment for fragment in b.fragments if fragment.digest not in held),
    )


def _know(source: Input | RepositoryPlace, settings: Settings) -> _Known:
    if isinstance(source, Input):
        with open_view(source, settings.temporary) as view:
            return _known(source.name, explode(view), view)
    with open_component(source, settings) as (store, component):
        view = read_component(component, store, settings)
        return _known(str(source), explode(view), view)


def _known(name: str, exploded: Exploded, view: bytes | memoryview) -> _Known:
    summary = summarise(exploded)
    root = FragmentSummary(digest=summary.root, size=summary.skeleton.size, kind="skeleton")
    return _Known(
        side=Side(name=name, whole=summary.whole, root=summary.root),
        fragments=(root, *summary.fragments),
        positions=tuple(_positions(find_nodes(view, exploded))),
    )


def _positions(nodes: Iterable[Node]) -> Iterator[Position]:
    paths = {0: ""}  # of fragments and the whole; what holds a fragment is one itself
    children: dict[int, int] = defaultdict(int)
    for number, node in enumerate(nodes):
        if node.parent is None:
            continue
        place = children[node.parent]
        children[node.parent] += 1
        if node.is_fragment and node.digest is not None:
            paths[number] = f"{paths[node.parent]}.{place}".lstrip(".")
            yield Position(kind=node.kind, path=paths[number], name=node.name, digest=node.digest, size=node.size)


def _compare(before: tuple[Position, ...], after: tuple[Position, ...]) -> Iterator[Difference]:
    pairs: dict[int, int] = {}
    rules: tuple[Callable[[Position], Hashable | None], ...] = (
        lambda position: (position.digest, position.path),
        lambda position: position.digest,
        lambda position: None if position.name is None else (position.kind, position.name),
        lambda position: (position.kind, position.path),
    )
    for rule in rules:
        _pair(before, after, pairs, rule)
    for number, position in enumerate(after):
        old = before[pairs[number]] if number in pairs else None
        yield Difference(change=_change(old, position), before=old, after=position)
    paired = set(pairs.values())
    for number, position in enumerate(before):
        if number not in paired:
            yield Difference(change=Change.REMOVED, before=position, after=None)


def _pair(
    before: tuple[Position, ...],
    after: tuple[Position, ...],
    pairs: dict[int, int],
    key_of: Callable[[Position], Hashable | None],
) -> None:
    """Pair what has the same key and is not paired yet, in order."""
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    paired = set(pairs.values())
    for number in reversed(range(len(before))):
        key = key_of(before[number])
        if number not in paired and key is not None:
            waiting[key].append(number)
    for number, position in enumerate(after):
        key = key_of(position)
        if number not in pairs and key is not None and waiting[key]:
            pairs[number] = waiting[key].pop()


def _change(before: Position | None, after: Position) -> Change:
    if before is None:
        return Change.ADDED
    return Change.KEPT if before.digest == after.digest else Change.CHANGED
