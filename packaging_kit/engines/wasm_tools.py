"""The engine `wasm-tools`: the command line tool of the Bytecode Alliance, asked for each binary.

PyPI has an unrelated package of the same name, whose executable stands before the real one on many a PATH. So a
candidate counts only once it says `wasm-tools <version>` of itself.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Final

from packaging_kit.engines.messages import one_line, shorten
from packaging_kit.engines.processes import Outcome, Program
from packaging_kit.errors import RequestError, UnavailableError
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from packaging_kit.wasm.preamble import MAGIC

NAME: Final = "wasm-tools"
INSTALL_HINT: Final = "`cargo install --locked wasm-tools` installs `wasm-tools`"
TIME_LIMIT: Final = 60.0
"""Seconds that one binary may take."""

_PROBE_TIME_LIMIT = 10.0
_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
# Its log holds the time, and text of the binary in forms of its own.
_QUIET = {"RUST_LOG": "off"}
_STANDARD_INPUT = "/dev/stdin"

_NO_PROGRAM = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.ELOOP, errno.ENAMETOOLONG)

_VERSION = re.compile(r"wasm-tools ([0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?)(?: \([^()\r\n]*\))?\s*")
_FEATURE = re.compile(r"[+-][A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FEATURE_REFUSED = re.compile(
    r"error: invalid value '[^'\n]*' for '--features <FEATURES>': ([^\n]+)\n(?:Valid features: ([^\n]+)\n)?"
)
_PREFIX = "error: "
_OFFSET = re.compile(r" \(at offset 0x([0-9a-f]{1,16})\)\n?\Z")
_CAUSES = "\n\nCaused by:\n"
_CAUSE = re.compile(r" {2,}[0-9]+: ")
_CAUSE_GOES_ON = " " * 7


@dataclass(frozen=True, slots=True)
class WasmTools:
    """A real `wasm-tools` that was found.

    Attributes:
        executable: an absolute path.
        version: as it says.
    """

    executable: Path
    version: str


def find_wasm_tools(
    explicit: Path | None, search_path: str | None, *, environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> WasmTools:
    """The real one: what was set, and nothing else then, or the first on a search path that shows what it is.

    Args:
        search_path: folders, as the environment variable has them.
        environment: that it is asked in.

    Raises:
        UnavailableError: `engine-missing`; `engine-failed` where no program can be started.
    """
    if explicit is not None:
        return WasmTools(explicit.absolute(), probe(explicit, environment=environment))
    refused: UnavailableError | None = None
    for candidate in _iter_candidates(search_path or ""):
        try:
            return WasmTools(candidate, probe(candidate, environment=environment))
        except UnavailableError as exc:
            refused = refused or exc
    raise refused or UnavailableError("engine-missing", "`wasm-tools` is not on PATH", hint=INSTALL_HINT)


def _iter_candidates(search_path: str) -> Iterator[Path]:
    for folder in dict.fromkeys(search_path.split(os.pathsep)):
        found = shutil.which(NAME, path=folder)
        # A relative folder on PATH would run what lies about in the working directory, where Windows looks anyway.
        if found is not None and Path(found).is_absolute():
            yield Path(found)


def probe(executable: Path, *, environment: Mapping[str, str] = _NO_ENVIRONMENT) -> str:
    """The version of an executable that shows that it is `wasm-tools`.

    Raises:
        UnavailableError: `engine-missing`; `engine-failed` where no program can be started.
    """
    try:
        program = Program([str(executable.absolute()), "--version"], {**environment, **_QUIET})
    except OSError as exc:
        raise _does_not_start(executable, exc) from exc
    with program:
        outcome = program.talk((), _PROBE_TIME_LIMIT)
    text = _text(outcome)
    version = _VERSION.fullmatch(text)
    if outcome.status == 0 and version is not None:
        return version[1]
    said = f", and says `{_first_line(text)}`" if text.strip() else ""
    raise UnavailableError(
        "engine-missing",
        f"`{executable}` is not the `wasm-tools` that is wanted (PyPI has an unrelated package of that name): asked "
        f"for its version it {_end_of(outcome, _PROBE_TIME_LIMIT)}{said}",
        hint=f"{INSTALL_HINT}; set its path where another program of that name comes first",
    )


def check_features(features: tuple[str, ...]) -> None:
    """Refuse what can't be the name of a feature with `+` or `-` before it: it becomes part of an argument.

    Raises:
        RequestError: `engine-feature-unknown`.
    """
    for feature in features:
        if not _FEATURE.fullmatch(feature):
            raise RequestError(
                "engine-feature-unknown",
                f"`{feature}` is not the name of a feature",
                hint="names like `gc` and `cm-async`, with commas between them; `-` before a name switches it off",
            )


class WasmToolsEngine:
    """Runs `wasm-tools validate` for each binary.

    Args:
        executable: its path.
        features: `+name` and `-name`, in the order in which they count; the tool's own names.
        time_limit: seconds that a binary may take, those aside in which its bytes are read.
        environment: all that the tool is given; on Windows it has to hold `SYSTEMROOT`.
        version: as `find_wasm_tools` found it; without it the executable is asked when it is first needed.

    Raises:
        RequestError: `engine-feature-unknown`, for what can't be a name.
    """

    def __init__(
        self,
        executable: Path,
        *,
        features: tuple[str, ...] = (),
        time_limit: float = TIME_LIMIT,
        environment: Mapping[str, str] = _NO_ENVIRONMENT,
        version: str | None = None,
    ) -> None:
        check_features(features)
        self._executable = executable.absolute()
        self._features = features
        self._time_limit = time_limit
        self._environment = dict(environment)
        self._version = version

    @property
    def reads_whole(self) -> bool:
        return True

    def identify(self) -> EngineIdentity:
        if self._version is None:
            self._version = probe(self._executable, environment=self._environment)
        return EngineIdentity(name=NAME, version=self._version, features=self._features)

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        """The first defect that the tool finds: it names no more.

        Raises:
            RequestError: `engine-feature-unknown`.
            UnavailableError, ContentError, NotFoundError: as `Engine.find_defects` does.
        """
        self.identify()  # nothing is handed to an executable that did not show what it is
        pieces = binary.iter_whole()
        head = _take(pieces, len(MAGIC))
        if not head.startswith(MAGIC):
            # The tool would take it for text, and good text for a valid binary.
            for _ in pieces:
                pass  # the last step says whether these are the right bytes
            return (Defect("magic header not detected", 0),)
        try:
            program = Program(self._command(), {**self._environment, **_QUIET})
        except OSError as exc:
            raise _does_not_start(self._executable, exc) from exc
        with program:
            outcome = program.talk(chain((head,), pieces), self._time_limit)
        return self._judge(outcome, binary.size)

    def _command(self) -> list[str]:
        features = ",".join(feature.removeprefix("+") for feature in self._features)
        return [
            str(self._executable),
            "validate",
            *((f"--features={features}",) if features else ()),
            # What comes by `-` is copied once more, which takes it a tenth of its time.
            _STANDARD_INPUT if os.access(_STANDARD_INPUT, os.R_OK) else "-",
        ]

    def _judge(self, outcome: Outcome, size: int) -> tuple[Defect, ...]:
        text = _text(outcome)
        if outcome.status is None:
            message = f"`wasm-tools` {_end_of(outcome, self._time_limit)}"
            raise UnavailableError("engine-timeout", message, hint="give it more time, with `--time-limit`")
        refused = _FEATURE_REFUSED.match(text)
        if self._features and outcome.status == 2 and refused is not None:
            hint = None if refused[2] is None else f"`wasm-tools` {self._version} knows {refused[2]}"
            raise RequestError("engine-feature-unknown", f"`wasm-tools`: {one_line(refused[1])}", hint=hint)
        if outcome.took_all and outcome.status == 0 and not text:
            return ()
        defect = parse_defect(text, size) if outcome.took_all and outcome.status == 1 else None
        if defect is not None:
            return (defect,)
        unread = "" if outcome.took_all else " before it had read the binary"
        said = f", and says `{_first_line(text)}`" if text.strip() else ""
        raise UnavailableError("engine-failed", f"`wasm-tools` {_end_of(outcome, self._time_limit)}{unread}{said}")


def parse_defect(text: str, size: int) -> Defect | None:
    """What the tool wrote about a binary that is not valid; `None` where it is about something else.

    It writes `error: ` and the outermost of what went wrong, then each cause of it, the innermost last:

        error: func 48 failed to validate

        Caused by:
            0: unknown local 438: local index out of bounds (at offset 0x7124)

    What it has against a binary ends in an offset, which counts from the beginning of the whole, in a nested module or
    component too (seen with 1.263.0; its parser is given one stream of bytes). What ends otherwise is a failure to
    read. A message may have several lines, and any text in them: names of the binary, line breaks included, are
    written as they are. So the offset is looked for at the very end, where no name comes after it.

    Args:
        size: of the binary.
    """
    offset = _OFFSET.search(text)
    if not text.startswith(_PREFIX) or offset is None:
        return None
    message = one_line(_innermost(text[len(_PREFIX) : offset.start()]))
    at = int(offset[1], 16)
    return Defect(message or "not valid", at if at <= size else None)


def _innermost(text: str) -> str:
    """The last cause that says something; all of them where a name may have made them up."""
    outermost, _, causes = text.partition(_CAUSES)
    found = [outermost]
    for line in causes.split("\n"):
        if begins := _CAUSE.match(line):
            found.append(line[begins.end() :])
        elif line.startswith(_CAUSE_GOES_ON) and len(found) > 1:
            found[-1] += "\n" + line[len(_CAUSE_GOES_ON) :]
        else:
            return text
    if "`" in outermost:
        return "\n".join(found)
    return next((cause for cause in reversed(found) if cause.strip()), "")


def _first_line(text: str) -> str:
    return shorten(next(line.strip() for line in text.splitlines() if line.strip()))


def _text(outcome: Outcome) -> str:
    return outcome.output.decode(errors="replace")


def _end_of(outcome: Outcome, time_limit: float) -> str:
    if outcome.status is None:
        return f"did not end within {time_limit:g} second{'' if time_limit == 1 else 's'}"
    if outcome.status < 0:
        return f"was ended by signal {-outcome.status}"
    return f"ended with status {outcome.status}"


def _take(pieces: Iterator[bytes], size: int) -> bytes:
    """The first pieces, together at least `size` bytes where there are so many."""
    head = b""
    while len(head) < size and (piece := next(pieces, None)) is not None:
        head = head + piece if head else piece
    return head


def _does_not_start(executable: Path, exc: OSError) -> UnavailableError:
    message = f"`{executable}` does not start: {exc.strerror or exc}"
    if exc.errno in _NO_PROGRAM:
        return UnavailableError("engine-missing", message, hint=INSTALL_HINT)
    return UnavailableError("engine-failed", message)


_conforms: type[Engine] = WasmToolsEngine
