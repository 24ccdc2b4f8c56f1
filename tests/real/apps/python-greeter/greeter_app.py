"""Exports one function of one interface."""

from wit_world import exports


class Greet(exports.Greet):
    """The interface `example:greeter/greet`."""

    def greet(self, name: str) -> str:
        return f"Hello, {name}, from Python!"
