"""Verdicts of engines, and engines without one."""

from __future__ import annotations

from typing import Final

from packaging_kit.errors import UnavailableError
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from tests.bad_documents.builders import MODULE, NOTHING, artifact
from tests.bad_documents.case import Case, File, case, error


class Judge(Engine):
    """An engine that finds the same in every binary.

    Args:
        missing: the code of the error that asking who it is ends in.
        fails: likewise of judging.
    """

    def __init__(self, *defects: Defect, missing: str | None = None, fails: str | None = None) -> None:
        self._defects = defects
        self._missing = missing
        self._fails = fails

    def identify(self) -> EngineIdentity:
        if self._missing is not None:
            raise UnavailableError(self._missing, "there is none")
        return EngineIdentity(name="judge", version="1.0.0")

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        if self._fails is not None:
            raise UnavailableError(self._fails, "there is no verdict")
        return self._defects


CASES: Final[tuple[Case, ...]] = (
    case("an engine that finds nothing says nothing", lambda: artifact(engine=Judge())),
    case(
        "what an engine finds in a layer makes it invalid",
        lambda: artifact(engine=Judge(Defect("type mismatch", 12))),
        error("wasm-invalid", part="binary", offset=12, says="type mismatch"),
    ),
    case(
        "all that an engine finds in a file is told, with its offset where there is one",
        lambda: File(data=MODULE, engine=Judge(Defect("first", None), Defect("second", 3))),
        error("wasm-invalid", part="binary", says="first"),
        error("wasm-invalid", part="binary", offset=3, says="second"),
    ),
    case(
        "an engine judges no binary that is not well framed as a whole",
        lambda: File(data=NOTHING + b"\1", engine=Judge(Defect("first", None))),
        error("wasm-malformed", part="binary", offset=9, says="a LEB128 number is cut off\n"),
    ),
    case(
        "an engine that is not there gives no verdict, and the rest is looked at",
        lambda: File(data=NOTHING + b"\1", engine=Judge(missing="engine-missing")),
        error("engine-missing", part="engine"),
        error("wasm-malformed", part="binary", offset=9),
    ),
    case(
        "an engine that can't say who it is gives no verdict",
        lambda: artifact(engine=Judge(Defect("first", None), missing="engine-failed")),
        error("engine-failed", part="engine"),
    ),
    case(
        "an engine that takes too long gives no verdict",
        lambda: artifact(engine=Judge(fails="engine-timeout")),
        error("engine-timeout", part="binary"),
    ),
    case(
        "an engine that fails gives no verdict",
        lambda: File(data=MODULE, engine=Judge(fails="engine-failed")),
        error("engine-failed", part="binary"),
    ),
)
