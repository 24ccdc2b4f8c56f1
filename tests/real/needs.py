"""What a test needs and may not find: skipped with the reason for a user, a failure where all must be there."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from tests.real import components, tools

REQUIRED = "PACKAGING_KIT_REQUIRE_TOOLS"


def lacking(reason: str) -> NoReturn:
    """End the test for want of something."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED} is set")
    pytest.skip(reason)


def need_tool(name: str) -> Path:
    """The tool, or the end of the test."""
    path = tools.find_tool(name)
    return lacking(f"`{name}`: {tools.why_missing(name)}") if path is None else path


def need_component(name: str) -> Path:
    """The real component, built now or before, or the end of the test."""
    reason = components.available(name)
    return lacking(f"`{name}`: {reason}") if reason is not None else components.build(name)
