"""A disk that loses what was not flushed: which states it may be in after the power failed.

The model is the weakest that POSIX allows. The bytes of a file are safe after an `fsync` of the file; a name that was
made, moved or removed after an `fsync` of its folder. Until then each of them may be lost, in any order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random

from tests.campaign.system import Operation

Tree = Mapping[str, bytes | None]
"""What stands in a folder: bytes of files by path, `None` for folders."""


class Loss(Enum):
    """What the disk lost of what was not flushed."""

    NOTHING = "nothing: only the process ended"
    ALL = "all of it"
    DATA = "the bytes of files, which have their names and are empty"
    ZEROS = "the bytes of files, which have their names and sizes and are zeros"
    NAMES = "the names"
    SOME = "some names and some bytes, by chance"


@dataclass(eq=False, slots=True)
class _File:
    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


@dataclass(eq=False, slots=True)
class _Folder:
    """A folder.

    Attributes:
        entries: as the process sees it.
        durable: as it was at the last flush.
        changes: since then, in their order; each of them is kept or lost as a whole.
    """

    entries: dict[str, _Node] = field(default_factory=dict)
    durable: dict[str, _Node] = field(default_factory=dict)
    changes: list[dict[str, _Node | None]] = field(default_factory=list)

    def change(self, change: dict[str, _Node | None]) -> None:
        self.changes.append(change)
        _apply(self.entries, change)

    def flush(self) -> None:
        self.durable = dict(self.entries)
        self.changes.clear()


_Node = _File | _Folder


@dataclass(eq=False, slots=True)
class _Opened:
    node: _Node
    position: int = 0


class Disk:
    """What a folder holds, and what of it is safe; fed with every operation on it."""

    def __init__(self, folder: Path) -> None:
        self._top = folder
        self._root = _load(folder)
        self._opened: dict[int, _Opened] = {}

    def apply(self, operation: Operation) -> None:
        """Do to the model what was done to the folder."""
        handler: Callable[[Operation], None] | None = getattr(self, f"_{operation.name}", None)
        if handler is not None:
            handler(operation)

    def tree(self, loss: Loss, random: Random | None = None) -> Tree:
        """What is there after such a loss; `random` decides about some of it."""
        return dict(_walk(self._root, loss, random or Random(0), ""))

    def _open(self, operation: Operation) -> None:
        parent, name = self._find(operation.path)
        node = self._root if operation.path == self._top else parent.entries.get(name)
        if operation.flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            node = _File()
        elif node is None:
            node = _File()
            parent.change({name: node})
        if isinstance(node, _File) and operation.flags & os.O_TRUNC:
            node.data.clear()
        self._opened[operation.result] = _Opened(node)

    def _dup(self, operation: Operation) -> None:
        assert operation.handle is not None
        self._opened[operation.result] = self._opened[operation.handle]

    def _close(self, operation: Operation) -> None:
        assert operation.handle is not None
        self._opened.pop(operation.handle, None)

    def _lseek(self, operation: Operation) -> None:
        assert operation.handle is not None
        self._opened[operation.handle].position = operation.result

    def _write(self, operation: Operation) -> None:
        assert operation.handle is not None
        opened = self._opened[operation.handle]
        assert isinstance(opened.node, _File)
        end = opened.position + operation.result
        opened.node.data[opened.position : end] = operation.data[: operation.result]
        opened.position = end

    def _fsync(self, operation: Operation) -> None:
        assert operation.handle is not None
        node = self._opened[operation.handle].node
        if isinstance(node, _Folder):
            node.flush()
        else:
            node.durable = bytes(node.data)

    def _rename(self, operation: Operation) -> None:
        assert operation.target is not None
        parent, name = self._find(operation.path)
        other, new = self._find(operation.target)
        assert parent is other, "what moves between folders may be in both or neither, which the model does not know"
        parent.change({name: None, new: parent.entries[name]})

    def _link(self, operation: Operation) -> None:
        assert operation.target is not None
        parent, name = self._find(operation.path)
        other, new = self._find(operation.target)
        other.change({new: parent.entries[name]})

    def _unlink(self, operation: Operation) -> None:
        parent, name = self._find(operation.path)
        parent.change({name: None})

    def _mkdir(self, operation: Operation) -> None:
        parent, name = self._find(operation.path)
        parent.change({name: _Folder()})

    def _find(self, path: Path) -> tuple[_Folder, str]:
        """The folder that a path stands in, and its name there."""
        folder = self._root
        for part in path.relative_to(self._top).parts[:-1]:
            inner = folder.entries[part]
            assert isinstance(inner, _Folder)
            folder = inner
        return folder, path.name


def read_tree(folder: Path) -> Tree:
    """What stands in a real folder."""
    return dict(_walk(_load(folder), Loss.NOTHING, Random(0), ""))


def write_tree(tree: Tree, folder: Path) -> None:
    """Make a real folder that has this in it."""
    folder.mkdir()
    for name, data in tree.items():
        if data is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(data)


def _load(folder: Path) -> _Folder:
    loaded = _Folder()
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            loaded.entries[path.name] = _load(path)
        else:
            data = path.read_bytes()
            loaded.entries[path.name] = _File(bytearray(data), data)
    loaded.flush()
    return loaded


def _walk(folder: _Folder, loss: Loss, random: Random, prefix: str) -> Iterator[tuple[str, bytes | None]]:
    """Folders before what is in them."""
    for name, node in sorted(_names(folder, loss, random).items()):
        if isinstance(node, _Folder):
            yield prefix + name, None
            yield from _walk(node, loss, random, f"{prefix}{name}/")
        else:
            yield prefix + name, _data(node, loss, random)


def _names(folder: _Folder, loss: Loss, random: Random) -> dict[str, _Node]:
    if loss in (Loss.ALL, Loss.NAMES):
        return folder.durable
    if loss is not Loss.SOME:
        return folder.entries
    names = dict(folder.durable)
    for change in folder.changes:
        if random.random() < 0.5:
            _apply(names, change)
    return names


def _data(file: _File, loss: Loss, random: Random) -> bytes:
    whole = bytes(file.data)
    if loss in (Loss.NOTHING, Loss.NAMES) or whole == file.durable:
        return whole
    zeros = file.durable + bytes(max(0, len(whole) - len(file.durable)))
    if loss is Loss.ZEROS:
        return zeros
    if loss is Loss.SOME:
        return random.choice((whole, zeros, file.durable, whole[: random.randrange(len(whole) + 1)]))
    return file.durable


def _apply(names: dict[str, _Node], change: Mapping[str, _Node | None]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
