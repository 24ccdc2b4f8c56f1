"""The worst that can be put into an upload, and a process of its own that validates it and measures itself.

    python -m tests.worst_cases FOLDER POLICY ENGINE

An input is made in one process, as files, and validated in another: what makes it takes memory too.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.engines.choice import choose_engine
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import WASM, WASM_CONFIG
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.validate.policy_text import parse_policy
from packaging_kit.validate.upload import validate_binary, validate_upload
from tests.layouts import Entry, HandMade, Json, blob_path
from tests.schema_checks import REPOSITORY
from tests.strategies import component

SECONDS: Final = 300
_MEMORY: Final = 4 << 30  # of the process, so that what goes wrong does not take the machine with it
_STATUS: Final = Path("/proc/self/status")
_TOP: Final = "top.json"
_BINARY: Final = "binary.wasm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of one input.

    Attributes:
        seconds: of processor time, of all threads: others use this machine too.
        growth: bytes of memory at most, beyond what the process had before.
        codes: how often each stands in the report; or that of the error.
        is_clean: the report says so.
        unlisted: problems that it does not list.
        size: of the report as JSON.
    """

    seconds: float
    growth: int
    codes: dict[str, int]
    is_clean: bool
    unlisted: int
    size: int


class Upload(HandMade):
    """A layout that is put together by hand, and what in it is validated."""

    def top(self, raw: bytes, media_type: str) -> None:
        """Validate these bytes as a manifest or index."""
        self.name_top(self.blob(raw, media_type))

    def name_top(self, entry: Entry) -> None:
        """Validate a document that was written."""
        (self.folder / _TOP).write_text(json.dumps(entry))

    def binary(self, *chunks: bytes) -> None:
        """Validate a binary by itself."""
        with (self.folder / _BINARY).open("wb") as file:
            file.writelines(chunks)

    def wasm(self, data: bytes, config: Json | bytes, **fields: Json) -> Entry:
        """A Wasm artifact with this layer and config."""
        raw = config if isinstance(config, bytes) else json.dumps(config).encode()
        return self.manifest(self.blob(data, WASM), config=self.blob(raw, WASM_CONFIG), **fields)


Make = Callable[[Upload], None]


def measure(make: Make, folder: Path, policy: str = "", engine: str = "none") -> Measured:
    """Make an input in `folder`, and let another process validate it, with `wasmtime` in that process or nothing."""
    make(Upload(folder))
    command = [sys.executable, "-m", __name__, str(folder), policy, engine]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return Measured(**json.loads(done.stdout))


def main(folder: Path, policy: str, engine_name: str) -> None:
    """Validate what stands in a folder, and print what it took."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    store = LayoutStore.open(folder)
    parsed = parse_policy(policy)
    engine = choose_engine(engine_name)
    if engine is not None:
        validate_binary(component(), engine=engine)  # which loads it
    binary, top = folder / _BINARY, folder / _TOP
    data = binary.read_bytes() if binary.exists() else b""
    before, began = _peak(), time.process_time()
    if data:
        report = validate_binary(data, parsed, engine=engine)
    else:
        entry = Descriptor.from_json(Fields(json.loads(top.read_text())))
        raw = blob_path(folder, {"digest": entry.digest.value}).read_bytes()
        report = validate_upload(raw, entry.media_type, store, parsed, tag="1.0.0", engine=engine)
    seconds, grown = time.process_time() - began, _peak() - before
    document = report.to_json()
    measured = {
        "seconds": seconds,
        "growth": grown,
        "codes": Counter(problem["code"] for problem in document["problems"]),
        "is_clean": report.is_clean,
        "unlisted": report.unlisted,
        "size": len(json.dumps(document)),
    }
    print(json.dumps(measured))


def _peak() -> int:
    """Bytes of memory that this process had at most; `ru_maxrss` also counts what its parent had when it began."""
    if _STATUS.exists():
        (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def repeated(piece: bytes, size: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """`piece` as often as it fits into `size` bytes, between two others."""
    return before + piece * ((size - len(before) - len(after)) // len(piece)) + after


def digests(count: int) -> Iterable[str]:
    """As many different digests, of nothing in particular."""
    return (Digest.of(str(number).encode()).value for number in range(count))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
