"""MISP's exports: attributes of events, as JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from siemstress.enrich.indicators import Indicators

_KINDS = {
    **dict.fromkeys(("ip-src", "ip-dst", "ip"), "address"),
    **dict.fromkeys(("domain", "hostname"), "domain"),
    **dict.fromkeys(("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), "hash"),
    **dict.fromkeys(("url", "uri", "link"), "url"),
    **dict.fromkeys(("email", "email-src", "email-dst", "target-email", "target-user"), "user"),
}
_NO = ("0", "false", "no")


def is_misp(document: Any) -> bool:
    """Whether a JSON document is an event, some events, or attributes."""
    return next(_attributes(document), None) is not None or (
        isinstance(document, dict) and bool({"Event", "Attribute"} & document.keys())
    )


def read_misp(document: Any, found: Indicators) -> None:
    """Add the attributes of a document that are meant for detecting."""
    for attribute in _attributes(document):
        add_attribute(attribute, found)


def add_attribute(attribute: Mapping[str, Any], found: Indicators) -> None:
    """Add what an attribute names; one with two values, such as `domain|ip`, names both."""
    if str(attribute.get("to_ids", "1")).lower() in _NO or attribute.get("deleted") is True:
        found.passed += 1
        return
    types = str(attribute.get("type", "")).split("|")
    values = (
        str(attribute.get("value", "")).split("|")
        if len(types) > 1
        else [str(attribute.get("value", ""))]
    )
    known = [(kind, v) for t, v in zip(types, values, strict=False) if (kind := _KINDS.get(t))]
    found.passed += not known
    for kind, value in known:
        found.add(kind, value)


def _attributes(document: Any) -> Iterator[Mapping[str, Any]]:
    """All attributes, wherever in events and their objects; looks no deeper than MISP has them."""
    waiting = [(document, 0)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, list):
            waiting += [(child, depth) for child in reversed(item) if isinstance(child, dict)]
        elif isinstance(item, dict) and depth < 6:
            for name in ("response", "Event", "Object", "Attribute"):
                if name == "Attribute":
                    yield from _plain(item.get(name))
                elif name in item:
                    waiting.append((item[name], depth + 1))


def _plain(attributes: Any) -> Iterator[Mapping[str, Any]]:
    for item in attributes if isinstance(attributes, list) else [attributes]:
        if isinstance(item, dict) and "type" in item and "value" in item:
            yield item
