"""What a rule says under our own key, `siemstress`."""

from __future__ import annotations

import re
from typing import Any as Anything

from siemstress.rules.sigma.reading import Wrong, known, mapping, span, text, texts, whole
from siemstress.rules.sigma.rule import Own

KEYS = (
    "group_by", "suppress_for", "message", "out_table", "severity", "magnitude", "section",
    "samples",
)  # fmt: skip
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_INT32_MAX = 2**31 - 1


def own(value: Anything) -> Own:
    """What stands there, checked.

    Raises:
        Wrong: something is not as it must be.

    """
    if value is None:
        return Own()
    given = mapping(value, "siemstress")
    known(given, KEYS, "siemstress")
    out_table = text(given.get("out_table", ""), "siemstress: out_table")
    if out_table and not _TABLE.match(out_table):
        raise Wrong("siemstress: out_table must be letters, digits and _, up to 64")
    return Own(
        group_by=texts(given["group_by"], "siemstress: group_by") if "group_by" in given else None,
        suppress=span(given["suppress_for"], "siemstress: suppress_for")
        if "suppress_for" in given
        else 0,
        message=text(given.get("message", ""), "siemstress: message"),
        out_table=out_table,
        severity=_optional(given, "severity", 7),
        magnitude=_optional(given, "magnitude", _INT32_MAX),
        section=texts(given.get("section"), "siemstress: section"),
        samples=given.get("samples"),
    )


def _optional(given: Anything, key: str, most: int) -> int | None:
    return whole(given[key], f"siemstress: {key}", 0, most) if key in given else None
