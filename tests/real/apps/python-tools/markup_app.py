"""HTML without its tags."""

import html
import html.parser

from wit_world import exports


class Text(html.parser.HTMLParser):
    """Collects what stands between the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


class Markup(exports.Markup):
    """The interface `example:tools/markup`."""

    def plain_text(self, source: str) -> str:
        text = Text()
        text.feed(html.unescape(source))
        return "".join(text.found)
