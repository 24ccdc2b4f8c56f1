"""Validators of the schemas by name, and the layouts whose documents they describe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from packaging_kit.schemas import load_schema

REPOSITORY = Path(__file__).resolve().parents[1]
FIXTURES = REPOSITORY / "fixtures"
VECTORS = FIXTURES / "vectors"
LAYOUTS = sorted(path.parent for path in (VECTORS / "oci").glob("*/*/oci-layout"))


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load_schema(name))


def check_all(name: str, values: Iterable[Any]) -> None:
    checker = validator(name)
    for value in values:
        checker.validate(value)


def layout(case: str, form: str) -> Path:
    return VECTORS / "oci" / case / form
