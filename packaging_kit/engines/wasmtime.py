"""The engine `wasmtime`: the library of that name, in this process; no program needs to be installed.

It has no call that only validates a component, and compiling one of 18 MB takes four seconds. So every distinct core
module is validated by itself, and then the component's outline is compiled, in which there is no code (outline.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Final

from packaging_kit.engines.outline import MAX_COMPONENTS, MAX_OUTLINE_SIZE, find_overreach, make_outline
from packaging_kit.engines.parts import Begin, CoreModule, Key, Part, iter_parts
from packaging_kit.engines.wasmtime_features import named_features, parse_switches
from packaging_kit.engines.wasmtime_library import WasmtimeLibrary
from packaging_kit.errors import UnavailableError, WasmFormatError
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from packaging_kit.wasm.preamble import COMPONENT_PREAMBLE, CORE_MODULE_PREAMBLE
from packaging_kit.wasm.stubs import Stub, make_stub

NAME: Final = "wasmtime"

_EMPTY_MODULE: Final = b"\x01\x08" + CORE_MODULE_PREAMBLE
_WITHDRAWN: Final = re.compile(rb"(locked-dep|url|integrity)=<")


class WasmtimeEngine:
    """Validates in this process.

    Args:
        features: `+name` and `-name`, as `wasm-tools validate --features` names them.

    Raises:
        RequestError: `engine-feature-unknown`, also for one that `wasmtime` can't switch.
    """

    def __init__(self, *, features: tuple[str, ...] = ()) -> None:
        self._features = features
        self._switches = parse_switches(features)
        self._loaded: WasmtimeLibrary | None = None

    @property
    def reads_whole(self) -> bool:
        return False

    def identify(self) -> EngineIdentity:
        return EngineIdentity(name=NAME, version=self._library.version, features=named_features(self._features))

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        """The first defect of every distinct core module, in the order in which they are met, or else the component's.

        Where a module is not valid, what the component does with it can't be judged, and is not.
        """
        exploded = binary.exploded
        if exploded is None:
            defect = self._library.find_in_module(_join(binary.iter_whole()))
            found: tuple[Defect, ...] = () if defect is None else (defect,)
        else:
            found = self._find_in_exploded(binary, exploded)
        return tuple(_inside(defect, binary.size) for defect in found)

    @property
    def _library(self) -> WasmtimeLibrary:
        if self._loaded is None:
            self._loaded = WasmtimeLibrary(self._switches)
        return self._loaded

    def _find_in_exploded(self, binary: Binary, exploded: Exploded) -> tuple[Defect, ...]:
        parts: list[Part] = []
        count = 1
        for part in iter_parts(exploded):
            parts.append(part)
            if isinstance(part, Begin | CoreModule):
                count += 1
                if count > MAX_COMPONENTS:
                    return (self._find_crowd(part.contents),)
        stubs: dict[Key, Stub] = {}
        found = tuple(self._iter_in_modules(binary, exploded, parts, stubs))
        return found or self._find_in_component(parts, stubs)

    def _find_crowd(self, offset: int) -> Defect:
        """More components and core modules than there may be: in the outline there would be fewer of them."""
        defect = self._library.find_in_component(COMPONENT_PREAMBLE + _EMPTY_MODULE * MAX_COMPONENTS)
        if defect is None:
            message = (
                f"the engine `wasmtime` can't be asked about more than {MAX_COMPONENTS} components and core modules"
            )
            raise UnavailableError("engine-failed", message)
        return replace(defect, offset=offset)

    def _iter_in_modules(
        self, binary: Binary, exploded: Exploded, parts: Sequence[Part], stubs: dict[Key, Stub]
    ) -> Iterator[Defect]:
        """What is wrong with each core module; makes the stubs of the others on the way, while their bytes are here."""
        fragments = {fragment.digest: fragment for fragment in exploded.core_modules}
        known: set[Key] = set()
        for part in parts:
            if not isinstance(part, CoreModule) or part.key in known:
                continue
            known.add(part.key)
            data = part.key if isinstance(part.key, bytes) else _join(binary.iter_module(fragments[part.key]))
            defect = self._library.find_in_module(data)
            if defect is None:
                stubs[part.key] = _stub(data)
            else:
                yield replace(defect, offset=part.contents + (defect.offset or 0))

    def _find_in_component(self, parts: Sequence[Part], stubs: Mapping[Key, Stub]) -> tuple[Defect, ...]:
        outline = make_outline(parts, stubs)
        if len(outline.data) > MAX_OUTLINE_SIZE:
            message = (
                f"the engine `wasmtime` is not asked about components of more than {MAX_OUTLINE_SIZE} bytes of types, "
                "names and the like outside of core modules: they would take too much memory in this process"
            )
            raise UnavailableError(
                "engine-failed", message, hint="`--engine wasm-tools` judges in a process of its own"
            )
        defect = self._library.find_in_component(outline.data) or self._find_withdrawn_name(outline.data)
        if defect is not None:
            return (replace(defect, offset=outline.to_whole(defect.offset or 0)),)
        try:
            overreach = next(find_overreach(parts), None)
        except WasmFormatError as exc:
            message = f"the engine `wasmtime` takes an alias that can't be read here: {exc.message}"
            raise UnavailableError("engine-failed", message) from exc
        if overreach is None:
            return ()
        offset, count = overreach
        return (Defect(f"invalid outer alias count of {count}", offset),)  # as it is said of those that it refuses

    def _find_withdrawn_name(self, outline: bytes) -> Defect | None:
        """Names like `url=<…>`, of dependencies, URLs and hashes: withdrawn, but `wasmtime` 50 still takes them.

        Where there are bytes like these, others without a meaning are put in their place, in all places alike: what the
        library refuses then was part of such a name.
        """
        changed = _WITHDRAWN.sub(rb"\1=(", outline)
        defect = None if changed == outline else self._library.find_in_component(changed)
        return (
            None if defect is None else replace(defect, message=defect.message.partition("; ")[0].replace("=(", "=<"))
        )


def _stub(data: bytes) -> Stub:
    try:
        return make_stub(data)
    except WasmFormatError as exc:
        message = f"the engine `wasmtime` can't be asked about this component: {exc.message} in one of its core modules"
        raise UnavailableError("engine-failed", message) from exc


def _join(pieces: Iterable[bytes]) -> bytes:
    """All pieces as one, of which no second copy is made."""
    joined = BytesIO()
    for piece in pieces:
        joined.write(piece)
    return joined.getvalue()


def _inside(defect: Defect, size: int) -> Defect:
    return defect if defect.offset is None or defect.offset <= size else replace(defect, offset=None)


_conforms: type[Engine] = WasmtimeEngine
