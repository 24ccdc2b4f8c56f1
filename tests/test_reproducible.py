"""Packing gives the same layout wherever, whenever and with whatever Python it is done."""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

INPUTS = ("real/composed.wasm", "vectors/oci/metadata/input.wasm", "vectors/oci/wit-package/input.wasm")

# The library needs nothing but Python, so that any version can run it as it is.
PACK = """
import os, pathlib, sys
from packaging_kit import Form, Input, LayoutPlace, PackOptions, Settings, pack
os.umask(int(sys.argv[1], 8))
for form in Form:
    folder = pathlib.Path(sys.argv[2], form.value)
    for number, name in enumerate(sys.argv[3:]):
        pack([Input(name=name)], LayoutPlace(folder=folder), PackOptions(form=form, tag=f"v{number}"), Settings())
"""


def pythons() -> list[str]:
    """This Python, and the oldest and the newest there are."""
    found = {f"3.{minor}": path for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))}
    usable = [path for path in found.values() if runs(path)]
    return [sys.executable, *usable[:1], *usable[-1:]]


def runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import hashlib"], capture_output=True, check=False).returncode == 0


def pack(python: str, folder: Path, umask: str, **environment: str) -> Path:
    folder.mkdir(parents=True)
    inputs = []
    for number, name in enumerate(INPUTS):
        (folder / f"in{number}").mkdir()
        inputs.append(shutil.copy(REPOSITORY / "fixtures" / name, folder / f"in{number}" / "app.wasm"))
    subprocess.run(
        [python, "-c", PACK, umask, "layouts", *map(str, inputs)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        check=True,
        timeout=120,
    )
    return folder / "layouts"


def differences(left: Path, right: Path) -> list[str]:
    compared = filecmp.dircmp(left, right)
    found = compared.left_only + compared.right_only + compared.funny_files
    found += filecmp.cmpfiles(left, right, compared.common_files, shallow=False)[1]
    for name in compared.common_dirs:
        found += differences(left / name, right / name)
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(sys.executable, tmp_path_factory.mktemp("reference") / "here", "022", PYTHONHASHSEED="0", TZ="UTC")


@pytest.mark.parametrize("python", pythons())
def test_layouts_are_identical_in_another_folder_time_zone_locale_umask_hash_seed_and_python(
    python: str, reference: Path, tmp_path: Path
) -> None:
    environment = {"PYTHONHASHSEED": "12345", "TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}

    other = pack(python, tmp_path / "a b" / "there", "077", **environment)

    assert differences(reference, other) == []
