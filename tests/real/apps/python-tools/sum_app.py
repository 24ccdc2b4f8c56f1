"""Exact sums of fractions and decimal numbers."""

import decimal
import fractions

from wit_world import exports


class Sums(exports.Sums):
    """The interface `example:tools/sums`."""

    def add(self, left: str, right: str) -> str | None:
        try:
            return str(fractions.Fraction(left) + fractions.Fraction(decimal.Decimal(right)))
        except (ValueError, decimal.InvalidOperation):
            return None
