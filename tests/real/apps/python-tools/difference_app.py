"""What changed between two texts."""

import difflib

from wit_world import exports


class Differences(exports.Differences):
    """The interface `example:tools/differences`."""

    def compare(self, before: list[str], after: list[str]) -> list[str]:
        return list(difflib.unified_diff(before, after, lineterm=""))
