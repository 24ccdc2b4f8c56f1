"""Dates tell their weekday."""

import calendar
import datetime

from componentize_py_types import Err
from wit_world import exports


class Dates(exports.Dates):
    """The interface `example:tools/dates`."""

    def weekday(self, date: str) -> str:
        try:
            return calendar.day_name[datetime.date.fromisoformat(date).weekday()]
        except ValueError as exc:
            raise Err(str(exc)) from exc
