"""The shape of a document: what its JSON Schema finds, in words of our own.

The messages of a schema library hold the whole instance; these say what is expected, and nothing of the input.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from packaging_kit.schemas import load_schema
from packaging_kit.validate.json_text import join
from packaging_kit.validate.plain import DESCRIPTOR, SHAPES
from packaging_kit.validate.rule import Finding

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_TYPES = {
    "object": "an object",
    "array": "an array",
    "string": "a text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean",
    "null": "null",
}


def shape_findings(name: str, value: object) -> Iterator[Finding]:
    """What the schema `name` finds in a value, in the order of the schema."""
    if name not in SHAPES or not SHAPES[name].fits(value):
        yield from _findings(_validator(name), value, "")


def document_findings(name: str, value: Mapping[str, Any], entries: str) -> Iterator[Finding]:
    """The same of a manifest or index, whose array `entries` holds descriptors.

    The schema looks only at what a quick look does not take: 10,000 descriptors would take it seconds.
    """
    if not SHAPES[name].fits(value):
        yield from _findings(_document_validators(name, entries)[0], value, "")
    items = value.get(entries)
    for number, item in enumerate(items if isinstance(items, list) else ()):
        if not DESCRIPTOR.fits(item):
            yield from _findings(_document_validators(name, entries)[1], item, f"{entries}[{number}]")


def _findings(validator: Draft202012Validator, value: object, path: str) -> Iterator[Finding]:
    for error in validator.iter_errors(value):
        yield Finding(_path(error, path), _message(error))


def _path(error: ValidationError, path: str) -> str:
    for step in error.absolute_path:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    if error.validator == "required":
        path = join(path, _missing(error))
    return path


def _message(error: ValidationError) -> str:
    expected: Any = error.validator_value
    match error.validator:
        case "required":
            return "it is missing"
        case "type":
            types = expected if isinstance(expected, list) else [expected]
            return f"{' or '.join(_TYPES[kind] for kind in types)} is expected"
        case "const":
            return f"`{expected}` is expected"
        case "additionalProperties":
            return "it has a member that is not known"
        case _:
            return f"it is not what it should be: {_description(error) or error.validator}"


def _description(error: ValidationError) -> str:
    """What the schema says of the value, without its final period."""
    schema: Any = error.schema
    found = schema.get("description", "") if isinstance(schema, dict) else ""
    return f"{found[:1].lower()}{found[1:].rstrip('.')}"


def _missing(error: ValidationError) -> str:
    """The name of the member that is not there; the library has it in its message alone, one error for each."""
    names: Any = error.validator_value
    instance: Any = error.instance
    absent = [str(name) for name in names if name not in instance]
    return next((name for name in absent if error.message.startswith(repr(name))), absent[0])


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    # Imported when first needed: the command line must start quickly.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(load_schema(name))


@functools.cache
def _document_validators(name: str, entries: str) -> tuple[Draft202012Validator, Draft202012Validator]:
    from jsonschema import Draft202012Validator

    schema = load_schema(name)
    del schema["properties"][entries]["items"]
    return Draft202012Validator(schema), Draft202012Validator({"$ref": "#/$defs/descriptor", "$defs": schema["$defs"]})
