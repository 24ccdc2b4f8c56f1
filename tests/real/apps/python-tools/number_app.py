"""What some numbers have in common."""

import statistics

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.numbers import Summary


class Numbers(exports.Numbers):
    """The interface `example:tools/numbers`."""

    def summarise(self, values: list[float]) -> Summary:
        if len(values) < 2:
            raise Err("two numbers or more are needed")
        return Summary(
            mean=statistics.fmean(values), median=statistics.median(values), deviation=statistics.stdev(values)
        )
