"""The entry point of `packaging-kit` and `pkit`."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        usual = (signal.SIG_DFL, signal.default_int_handler)
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) in usual:
            signal.signal(getattr(signal, name), _end)
    # What importing makes stays: looking for garbage in it costs a tenth of the start-up.
    gc.disable()
    from packaging_kit.cli.app import run

    gc.freeze()
    gc.enable()
    run()


def _end(number: int, _: FrameType | None) -> None:
    """End as if interrupted: what is being written is taken away."""
    sys.exit(128 + number)
