"""Files of lists: plain text, CSV, JSON, STIX 2 bundles and MISP exports, told by their looks."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from siemstress.enrich.indicators import Indicators, kind_of
from siemstress.enrich.misp import add_attribute, is_misp, read_misp
from siemstress.enrich.stix import is_stix, read_stix

LARGEST = 512 << 20
"""A larger file is taken for a mistake; bytes."""

_KEYS = (
    *("value", "indicator", "ioc", "address", "ip", "ip_address", "network", "cidr", "domain"),
    *("hostname", "host", "url", "sha256", "sha1", "md5", "hash", "user", "user_name", "email"),
)
_COMMENT = re.compile(r"\s[#;].*|^[#;!].*|^//.*")
_SEPARATOR = re.compile(r"[,\t]|(?<![\s;]);")
# A line of a file in the form of /etc/hosts that is used as a list of names.
_HOSTS = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+(\S+)\s*\Z")


def read_list(path: Path, kind: str = "auto", field: str = "") -> Indicators:
    """What a file lists; `field` is the column or key that holds the values (the first).

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such file; the message goes on where the file's name ends.

    """
    text = text_of(path)
    found = Indicators()
    if text.lstrip()[:1] in ("{", "["):
        _read_json(text, kind, field, found)
    else:
        _read_lines(text, kind, field, found)
    if kind != "auto":
        _keep(found, kind)
    if found.unread > len(found):
        raise ValueError(f"is no list of this kind: most entries are not, such as {found.first}")
    return found


def text_of(path: Path) -> str:
    """A file's text.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too large, or not UTF-8.

    """
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"is larger than {LARGEST >> 20} MiB")
    return data.decode("utf-8-sig")


def rows(text: str) -> Iterator[list[str]]:
    """The rows of a CSV file, whatever its separator; blank lines and comments are none.

    Raises:
        ValueError: it is no CSV.

    """
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#"]
    found = _SEPARATOR.search(lines[0]) if lines else None
    csv.field_size_limit(LARGEST)
    try:
        separator = found[0] if found else ","
        for row in csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True):
            yield [cell.strip() for cell in row]
    except csv.Error as e:
        raise ValueError(f"is no CSV: {e}") from None


def _keep(found: Indicators, kind: str) -> None:
    """Leave entries of one kind only, where a file has several."""
    if kind != "address":
        found.ranges.clear()
    found.texts = {name: texts for name, texts in found.texts.items() if name == kind}


def _read_lines(text: str, kind: str, field: str, found: Indicators) -> None:
    plain = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    lines = [line for line in plain if line]
    if field or (lines and _SEPARATOR.search(lines[0])):
        _read_table(text, kind, field, found)
        return
    for line in lines:
        hosts = _HOSTS.match(line) if kind in ("auto", "domain") else None
        found.add("domain" if hosts else kind, hosts[1] if hosts else line)


def _read_table(text: str, kind: str, field: str, found: Indicators) -> None:
    table = rows(text)
    head = next(table, [])
    names = [name.lower() for name in head]
    if not field and {"type", "value"} <= set(names):
        for row in table:
            add_attribute(dict(zip(names, row, strict=False)), found)
        return
    place = 0
    if field:
        if field.lower() not in names:
            raise ValueError(f"has no column {field!r} in its first line")
        place = names.index(field.lower())
    elif head and kind_of(head[0]) != "user":
        # No header: the first line is as the others.
        found.add(kind, head[0])
    for row in table:
        if place < len(row) and row[place]:
            found.add(kind, row[place])


def _read_json(text: str, kind: str, field: str, found: Indicators) -> None:
    try:
        document = _json(text)
    except RecursionError:
        raise ValueError("is no JSON: it is nested too deep") from None
    if is_stix(document):
        read_stix(document, found)
    elif is_misp(document):
        read_misp(document, found)
    else:
        for item in _items(document):
            value = _value(item, field)
            if value is None:
                found.refuse(str(item))
            else:
                found.add(kind, value)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as whole:
        try:
            # One document a line.
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            raise ValueError(f"is no JSON: {whole.msg} in line {whole.lineno}") from None


def _items(document: Any) -> Iterator[Any]:
    """The entries of a plain document: an array, arrays in an object, or an object's keys."""
    if isinstance(document, list):
        yield from document
        return
    if not isinstance(document, dict):
        raise ValueError("is no list: neither an array nor an object")
    arrays = [value for value in document.values() if isinstance(value, list)]
    for array in arrays:
        yield from array
    if not arrays:
        yield from document


def _value(item: Any, field: str) -> str | None:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return None
    for name in (field,) if field else _KEYS:
        if isinstance(value := item.get(name), str):
            return value
    return None
