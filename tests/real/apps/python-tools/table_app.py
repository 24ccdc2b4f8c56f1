"""Tables become JSON."""

import csv
import io
import json

from componentize_py_types import Err
from wit_world import exports


class Tables(exports.Tables):
    """The interface `example:tools/tables`."""

    def to_json(self, table: str) -> str:
        try:
            return json.dumps(list(csv.DictReader(io.StringIO(table), strict=True)))
        except csv.Error as exc:
            raise Err(str(exc)) from exc
