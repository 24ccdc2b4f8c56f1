"""The demonstration of `make demo`: a real component, every form, and the bytes compared.

python -m tests.real.demo --into FOLDER
"""

import argparse
import filecmp
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.real import components, tools

FORMS = ("whole", "mapped", "split", "both")
COMPONENT = "python-greeter"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real.demo", description=__doc__)
    parser.add_argument("--into", type=Path, required=True, help="folder to work in; made anew")
    folder = parser.parse_args().into
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"# building a component with componentize-py from tests/real/apps/{COMPONENT}")
    try:
        shutil.copyfile(components.build(COMPONENT), folder / "greeter.wasm")
    except tools.ToolError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 3
    run(folder, "inspect", "greeter.wasm")
    run(folder, "explode", "greeter.wasm", "-o", "exploded")
    run(folder, "reassemble", "exploded", "-o", "reassembled.wasm")
    compare(folder, "reassembled.wasm")
    for form in FORMS:
        run(folder, "pack", "greeter.wasm", "-o", f"oci:layout-{form}", "--form", form, "--tag", "v1")
        run(folder, "unpack", f"oci:layout-{form}:v1", "-o", f"from-{form}.wasm")
        compare(folder, f"from-{form}.wasm")
    print(f"\nevery form gave the same bytes back; see {folder}/")
    return 0


def run(folder: Path, *arguments: str) -> None:
    """Run one command as a user would, and show it."""
    print(f"\n$ packaging-kit {shlex.join(arguments)}", flush=True)
    program = Path(sys.executable).with_name("packaging-kit")
    subprocess.run([program, *arguments], cwd=folder, check=True)


def compare(folder: Path, name: str) -> None:
    """Compare a file with the component, byte for byte."""
    if not filecmp.cmp(folder / "greeter.wasm", folder / name, shallow=False):
        sys.exit(f"error: greeter.wasm and {name} differ")
    print(f"# greeter.wasm and {name} are equal")


if __name__ == "__main__":
    sys.exit(main())
