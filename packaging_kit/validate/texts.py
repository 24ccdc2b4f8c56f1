"""The checks that every JSON document gets, whatever it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from packaging_kit.document import Document
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_MANIFEST_ENTRIES
from packaging_kit.validate.context import Context
from packaging_kit.validate.json_text import JsonText
from packaging_kit.validate.problem import Where
from packaging_kit.validate.rules.annotation_rules import ANNOTATION_RULES
from packaging_kit.validate.rules.descriptor_rules import DESCRIPTOR_RULES
from packaging_kit.validate.rules.document_rules import DOCUMENT_RULES
from packaging_kit.validate.rules.json_rules import JSON_RULES
from packaging_kit.validate.rules.policy_rules import NAMED_RULES, NamedSubject
from packaging_kit.validate.values import DocumentValue

T = TypeVar("T")


def check_object(context: Context, raw: bytes, part: Where) -> dict[str, Any] | None:
    """Hold the rules on JSON against a document; its members, where it is an object."""
    text = JsonText.parse(raw)
    context.apply(JSON_RULES, text, part)
    return text.value if isinstance(text.value, dict) else None


def check_document(
    context: Context, raw: bytes, media_type: str, part: Where, tag: str | None = None
) -> DocumentValue | None:
    """Hold the rules on every OCI document against a manifest or index.

    Returns:
        Its members; `None` where it is nothing that could be looked into further.
    """
    before = context.findings.serious
    document = _check_document(context, raw, media_type, part, tag)
    if context.findings.serious > before and part.digest is not None:
        context.broken.add(part.digest)
    return document


def _check_document(
    context: Context, raw: bytes, media_type: str, part: Where, tag: str | None
) -> DocumentValue | None:
    value = check_object(context, raw, part)
    if value is None:
        return None
    document = DocumentValue(media_type=media_type, value=value)
    context.apply(NAMED_RULES, NamedSubject(policy=context.policy, size=len(raw), tag=tag), part)
    context.apply(DOCUMENT_RULES, document, part)
    context.apply(ANNOTATION_RULES, document.annotations(), part)
    entries = document.value.get(document.entries_name)
    if isinstance(entries, list) and len(entries) > MAX_MANIFEST_ENTRIES:
        return None
    for descriptor in document.iter_descriptors():
        context.apply(DESCRIPTOR_RULES, descriptor, part)
        context.apply(ANNOTATION_RULES, descriptor.annotations(), part)
    return document


def parse_checked(
    context: Context, raw: bytes, parse: Callable[[bytes], Document[T]], part: Where
) -> Document[T] | None:
    """A document as a value of its type; where it can't be one, and no rule has said why, that is a problem."""
    if part.digest in context.broken:
        try:
            return parse(raw)
        except DocumentError:
            return None
    with context.telling(part):
        return parse(raw)
    return None
