"""Titles of layers, which clients take for file names."""

from __future__ import annotations

import re

UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Characters that count as printable and show nothing (Unicode, Default_Ignorable_Code_Point; a blank in Braille)."""

_MAX_SIZE = 255  # of a file name in bytes, on the file systems of Linux and macOS
_NOT_IN_A_NAME = re.compile(r'[/\\<>:"|?*]')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)


def why_no_file_name(title: str) -> str | None:
    """Why a file can't have this name on Linux, macOS or Windows, or is not shown as what it is; `None` where it can.

    Returns:
        The rest of a sentence that begins with "it".
    """
    if not title or title in (".", ".."):
        return "names no file"
    if not title.isprintable() or UNSEEN.search(title):
        return "holds a character that can't be seen"
    if (found := _NOT_IN_A_NAME.search(title)) is not None:
        return f"holds `{found[0]}`"
    if title[-1] in ". ":
        return "ends with what Windows cuts off"
    if _DEVICE.fullmatch(title):
        return "is a device on Windows"
    if len(title.encode()) > _MAX_SIZE:
        return f"has more than {_MAX_SIZE} bytes"
    return None
