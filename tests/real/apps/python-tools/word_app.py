"""Words of a text, the most frequent first."""

import collections
import textwrap

from wit_world import exports


class Words(exports.Words):
    """The interface `example:tools/words`."""

    def count(self, text: str) -> list[tuple[str, int]]:
        words = textwrap.dedent(text).casefold().split()
        return collections.Counter(words).most_common()
