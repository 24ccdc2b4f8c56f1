"""Time in tests: never how fast something is, only that it does not take what it would if something were wrong.

Other tests, and whatever else a machine has to do, run at the same time.
"""

from typing import Final

LINEAR: Final = 5.0
"""Seconds of a processor; what is quadratic in a long input takes minutes."""

AT_ONCE: Final = 20.0
"""Seconds on a clock; what waits for a registry waits for a minute."""
