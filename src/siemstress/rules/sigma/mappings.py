"""A user's own places of fields and kinds of log: TOML files.

    [process_creation]
    Image = "program"
    CommandLine = ["fields.cmd", "message"]

    [logs]
    opencanary = "linejson"
    antivirus = {process = ["clamd", "savd"]}

A table's name is Sigma's category, service or product, or `all`. A place is a column of the event
by its name, or one of its fields, as `fields.NAME` or just by its name. `logs` says which events a
category, service or product has: the formats they have, or what columns and fields of theirs hold.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any as Anything

from siemstress import schema
from siemstress.errors import RuleError
from siemstress.rules.sigma.taxonomy import Logs, Places
from siemstress.rules.sigma.values import FIELDS

_COLUMNS = frozenset(c.name for c in schema.EVENT if c.kind not in ("binary", "map"))
_LOGS = "logs"


def read_mappings(files: Sequence[Path]) -> Places:
    """The places that some files say; of two the first counts, the second comes after.

    Raises:
        RuleError: a file cannot be read, or something in it is wrong; says where.

    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for file, kind, fields in _tables(files):
        if kind == _LOGS:
            continue
        of = found.setdefault("" if kind == "all" else kind, {})
        for name, places in fields.items():
            some = _names(places, file, kind, name)
            of[name.lower()] = (*of.get(name.lower(), ()), *map(_place, some))
    return found


def read_logs(files: Sequence[Path]) -> Logs:
    """The kinds of log that some files say; of two with one name the first counts.

    Raises:
        RuleError: a file cannot be read, or something in it is wrong; says where.

    """
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for file, kind, logs in _tables(files):
        for name, given in logs.items() if kind == _LOGS else ():
            held = given if isinstance(given, dict) else {"format": given}
            if not held:
                raise RuleError("says nothing of the events", file=file, section=kind, key=name)
            of = [(_place(place), _names(v, file, kind, name)) for place, v in held.items()]
            found.setdefault(name.lower(), of)
    return found


def _tables(files: Sequence[Path]) -> Iterator[tuple[Path, str, dict[str, Anything]]]:
    """The tables of files: where, the name in lower case, and what they hold."""
    for file in files:
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as e:
            raise RuleError(f"cannot be read: {e.strerror}", file=file) from None
        except (ValueError, RecursionError) as e:
            raise RuleError(f"is no TOML: {' '.join(str(e).split())}", file=file) from None
        for kind, table in tables.items():
            if not isinstance(table, dict):
                raise RuleError("must be a table: a kind of log in brackets", file=file, key=kind)
            yield file, kind.lower(), table


def _names(value: object, file: Path, kind: str, name: str) -> list[str]:
    some = value if isinstance(value, list) else [value]
    names = [p.replace("|", "").strip() for p in some if isinstance(p, str) and p.strip("|. ")]
    if not names or len(names) < len(some):
        raise RuleError("must be a name, or a list of them", file=file, section=kind, key=name)
    return names


def _place(name: str) -> str:
    return name if name in _COLUMNS or name.startswith(FIELDS) else f"{FIELDS}{name}"
