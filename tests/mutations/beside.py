"""What the rules' helpers do beside the rules: policies are held against a schema too."""

from __future__ import annotations

from typing import Final, NamedTuple

from packaging_kit.errors import RequestError
from packaging_kit.validate.policy_text import parse_policy


class Check(NamedTuple):
    """A policy that is refused.

    Attributes:
        name: a sentence.
        text: the policy.
        says: the message that it is refused with.
    """

    name: str
    text: str
    says: str

    def miss(self) -> str | None:
        """What it is refused with in place of that; `None` where it is that."""
        try:
            parse_policy(self.text)
        except RequestError as error:
            return None if error.message == self.says else error.message
        return "it is taken"


CHECKS: Final = (
    Check(
        "a policy with a table that is not known is refused",
        "[sizes]",
        "it has a member that is not known",
    ),
    Check(
        "a policy with a count below zero is told what it is",
        "[size]\nmodules = -1",
        "`size.modules` in the policy: it is not what it should be: "
        "distinct core modules of 4 KiB or more in one component",
    ),
    Check(
        "a policy with a level that is none is told what is wrong where nothing describes it",
        '[levels]\nconfig-os = "warning"',
        "`levels.config-os` in the policy: it is not what it should be: enum",
    ),
)
