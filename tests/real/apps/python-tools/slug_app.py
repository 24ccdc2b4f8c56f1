"""Titles become parts of addresses."""

import re
import unicodedata

from wit_world import exports


class Slugs(exports.Slugs):
    """The interface `example:tools/slugs`."""

    def slugify(self, title: str) -> str:
        plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
