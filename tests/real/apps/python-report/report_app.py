"""A command: prints a line of JSON and ends."""

import hashlib
import json
import sys

from wit_world import exports


class Run(exports.Run):
    """The interface `wasi:cli/run`."""

    def run(self) -> None:
        words = ["canonical", "split"]
        digest = hashlib.sha256(" ".join(words).encode()).hexdigest()
        print(json.dumps({"implementation": sys.implementation.name, "digest": digest}))
