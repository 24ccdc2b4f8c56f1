"""The entry point of `packaging-kit` and `pkit`."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line."""
    # What importing makes stays: looking for garbage in it costs a tenth of the start-up.
    gc.disable()
    from packaging_kit.cli.app import run

    gc.freeze()
    gc.enable()
    run()
