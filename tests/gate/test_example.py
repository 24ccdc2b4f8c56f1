"""The example itself: its decisions, its documentation, its commands."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import packaging_kit
from packaging_kit import Form, Input, LayoutPlace, PackOptions, Profile
from packaging_kit.oci.media_types import EMPTY, SKELETON_ARTIFACT, SPLIT_INDEX, WASM_CONFIG
from tests.conftest import FIXTURES, REPOSITORY
from tests.gate.artifacts import BAD, RUST, make, upload
from tests.gate.serving import EXAMPLES, FILES, Gate
from tests.repositories import SETTINGS, SIGNATURE, blobs_of
from tests.schema_checks import check_all

DOCUMENTATION: Final = REPOSITORY / "docs" / "registries.md"


# The decision about the profile.


def typed(artifact_type: str | None, config: str | None, *layers: str) -> bytes:
    value: dict[str, object] = {"layers": [{"mediaType": each} for each in layers]}
    value |= {} if artifact_type is None else {"artifactType": artifact_type}
    return json.dumps(value | ({} if config is None else {"config": {"mediaType": config}})).encode()


@pytest.mark.parametrize(
    ("raw", "profile"),
    [
        (typed(None, WASM_CONFIG, "application/wasm"), Profile.CNCF),
        (typed(None, "application/vnd.wasm.config.v1+json"), Profile.CNCF),
        (typed(None, EMPTY, "application/vnd.module.wasm.content.layer.v1+wasm"), Profile.CNCF),
        (typed(SIGNATURE, EMPTY, "text/plain", "Application/WASM"), Profile.CNCF),
        (typed(SIGNATURE, WASM_CONFIG, "text/plain"), Profile.CNCF),
        (typed(SKELETON_ARTIFACT, EMPTY), Profile.CNCF),
        (typed(SPLIT_INDEX, None), Profile.CNCF),
        (typed(None, None), Profile.CNCF),
        (typed(SIGNATURE, EMPTY, "text/plain"), Profile.OCI),
        (typed(SIGNATURE, None), Profile.OCI),
        (typed(None, "application/vnd.oci.image.config.v1+json", "text/plain"), Profile.OCI),
        (b"", Profile.CNCF),
        (b"[]", Profile.CNCF),
        (b"{", Profile.CNCF),
        (b"\xff", Profile.CNCF),
        (b"[" * 1_000_000, Profile.CNCF),
        (b'{"layers":{},"config":[]}', Profile.CNCF),
        (b'{"layers":[1,null,[]],"config":1}', Profile.CNCF),
        (b'{"layers":[{"mediaType":1},{}],"config":{}}', Profile.CNCF),
    ],
)
def test_profile_is_that_of_wasm_unless_a_manifest_says_that_it_is_something_else(
    raw: bytes, profile: Profile, example: ModuleType
) -> None:
    assert example.choose_profile(raw) is profile


# The example itself.


@pytest.mark.parametrize("name", FILES)
def test_example_uses_the_public_interface_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported}
    used = {
        alias.name
        for node in imported
        if isinstance(node, ast.ImportFrom) and node.module == "packaging_kit"
        for alias in node.names
    }

    assert {each for each in modules if each.partition(".")[0] not in sys.stdlib_module_names} <= {
        "packaging_kit",
        *FILES,
    }
    assert used <= set(packaging_kit.__all__)


def test_answer_that_the_documentation_shows_is_the_one_that_is_given(gate: Gate, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "packed", tag="v1")
    options = PackOptions(tag="v1", form=Form.WHOLE, imports=("evil:net/socket",))
    source = Input(name=str(FIXTURES / "real" / "rust.wasm"))
    (packed,) = packaging_kit.pack([source], place, options, SETTINGS)
    for data in blobs_of(place).values():
        gate.put_blob(data)
    answer = gate.put_manifest(blobs_of(place)[packed.digest])
    (shown,) = re.findall(r"^```json\n(.*?)^```$", DOCUMENTATION.read_text(), re.DOTALL | re.MULTILINE)

    assert json.loads(shown) == json.loads(answer.body)


@pytest.mark.parametrize("fault", BAD)
def test_detail_is_what_the_schema_of_reports_says(fault: str, gate: Gate, tmp_path: Path) -> None:
    refused = upload(gate, BAD[fault](make(RUST, tmp_path)))

    check_all("report", [refused.error["detail"]])


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """The host of the example, run as its own documentation says."""
    command: list[Any] = [sys.executable, EXAMPLES / "upload_gate.py", tmp_path / "folder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_commands_of_its_documentation_work(program: str, tmp_path: Path) -> None:
    (tmp_path / "app.wasm").write_bytes(RUST)
    shown = [
        line.strip()
        for line in (EXAMPLES / "upload_gate.py").read_text().splitlines()
        if line.startswith("    packaging-kit ")
    ]
    script = "\n".join((f"HOST={program}", "set -e", *shown))
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    result = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
    )

    assert (result.returncode, len(shown)) == (0, 2), result.stderr
    assert (tmp_path / "same.wasm").read_bytes() == RUST
