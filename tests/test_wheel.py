"""What a user installs holds the package, its schemas and its types, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import REPOSITORY


def test_wheel_carries_the_package_its_types_and_schemas_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=120, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}

    modules = {f"packaging_kit/{path.relative_to(REPOSITORY / 'packaging_kit')}" for path in package_files()}
    schemas = {f"packaging_kit/_schemas/{path.name}" for path in (REPOSITORY / "schemas").glob("*.json")}
    assert schemas != set()
    assert names == modules | schemas | {"packaging_kit/py.typed"}


def package_files() -> list[Path]:
    return list((REPOSITORY / "packaging_kit").rglob("*.py"))
