"""STIX 2 bundles: the patterns of their indicators.

A pattern is taken where any of its values alone is a find: one comparison, or several with OR.
Of those with AND only such as are all about one file: a hash says which file it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from siemstress.enrich.indicators import Indicators

_OBJECTS = {
    "ipv4-addr:value": "address",
    "ipv6-addr:value": "address",
    "domain-name:value": "domain",
    "url:value": "url",
    "email-addr:value": "user",
    "email-message:from_ref.value": "user",
    "email-message:sender_ref.value": "user",
    "user-account:account_login": "user",
    "user-account:user_id": "user",
}
_TEXT = r"'(?:[^'\\]|\\.)*'"
_PATH = rf"(?<![a-z0-9-])[a-z0-9-]+:(?:[\w.*\[\]-]|{_TEXT})+"
_COMPARISON = re.compile(
    rf"(?P<path>{_PATH})\s*(?P<operator>=|\bIN\b|\bISSUBSET\b)\s*"
    rf"(?P<values>{_TEXT}|\(\s*{_TEXT}(?:\s*,\s*{_TEXT})*\s*\))"
)
_WORDS = re.compile(rf"{_TEXT}|[A-Z]+|[!<>]=?|=")
# A longer pattern is passed over: it takes time that grows with its square.
_LONGEST = 1 << 15
_JOINS = {"OR", "AND", "IN", "ISSUBSET", "="}


def is_stix(document: Any) -> bool:
    """Whether a JSON document is a bundle, an indicator, or an array of such objects."""
    if isinstance(document, dict):
        return document.get("type") in ("bundle", "indicator") and (
            "objects" in document or "pattern" in document
        )
    return isinstance(document, list) and any(
        isinstance(item, dict) and item.get("type") == "indicator" and "pattern" in item
        for item in document
    )


def read_stix(document: Any, found: Indicators, now: datetime | None = None) -> None:
    """Add what a document's indicators look for."""
    moment = now or datetime.now(UTC)
    for item in _indicators(document):
        if _is_over(item, moment):
            found.passed += 1
            continue
        values = list(_values(str(item.get("pattern", ""))))
        found.passed += not values
        for kind, value in values:
            found.add(kind, value)


def _indicators(document: Any) -> Iterator[dict[str, Any]]:
    objects = document if isinstance(document, list) else document.get("objects", [document])
    for item in objects if isinstance(objects, list) else ():
        if isinstance(item, dict) and item.get("type") == "indicator":
            yield item


def _is_over(item: dict[str, Any], now: datetime) -> bool:
    """Whether an indicator is revoked, no longer valid, or of another language than STIX's."""
    if item.get("revoked") is True or item.get("pattern_type", "stix") != "stix":
        return True
    if item.get("indicator_types") == ["benign"]:
        return True
    try:
        until = datetime.fromisoformat(str(item.get("valid_until")))
    except ValueError:
        return False
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) <= now


def _values(pattern: str) -> Iterator[tuple[str, str]]:
    """Each value that is a find by itself, with its kind; none where the pattern needs more."""
    if len(pattern) > _LONGEST:
        return
    words = {word for word in _WORDS.findall(_without_paths(pattern)) if not word.startswith("'")}
    comparisons = list(_COMPARISON.finditer(pattern))
    files = [c for c in comparisons if c["path"].startswith("file:")]
    rest = _COMPARISON.sub(" ", pattern)
    is_file = files and len(files) == len(comparisons) and rest.count("[") == 1
    if words - _JOINS or ("AND" in words and not is_file):
        return
    # What was not understood might be a condition more.
    if re.sub(r"[\s\[\]()]|\bOR\b|\bAND\b", "", rest):
        return
    for comparison in comparisons:
        path = comparison["path"]
        kind = "hash" if path.startswith("file:hashes") else _OBJECTS.get(path)
        if kind is not None:
            for text in re.findall(_TEXT, comparison["values"]):
                yield kind, re.sub(r"\\(.)", r"\1", text[1:-1])


def _without_paths(pattern: str) -> str:
    """A pattern without the paths of objects, whose names may hold words in capitals."""
    return re.sub(_PATH, " ", pattern)
