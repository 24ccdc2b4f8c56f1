"""Greets many, with the help of another component."""

import itertools

from wit_world import exports
from wit_world.imports import greet


class Relay(exports.Relay):
    """The interface `example:tools/relay`."""

    def greet_all(self, names: list[str]) -> list[str]:
        return [greet.greet(name) for name, _ in itertools.groupby(sorted(names))]
