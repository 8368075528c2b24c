"""A user's own places of fields: a TOML file with a table for each kind of log.

    [process_creation]
    Image = "program"
    CommandLine = ["fields.cmd", "message"]

The table's name is Sigma's category, service or product, or `all`. A place is a column of the
event by its name, or one of its fields, as `fields.NAME` or just by its name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from siemstress import schema
from siemstress.errors import RuleError
from siemstress.rules.sigma.taxonomy import Places
from siemstress.rules.sigma.values import FIELDS

_COLUMNS = frozenset(c.name for c in schema.EVENT if c.kind not in ("binary", "map"))


def read_mappings(files: Sequence[Path]) -> Places:
    """The places that some files say; of two the first counts, the second comes after.

    Raises:
        RuleError: a file cannot be read, or something in it is wrong; says where.

    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for file in files:
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as e:
            raise RuleError(f"cannot be read: {e.strerror}", file=file) from None
        except (ValueError, RecursionError) as e:
            raise RuleError(f"is no TOML: {' '.join(str(e).split())}", file=file) from None
        for kind, fields in tables.items():
            if not isinstance(fields, dict):
                raise RuleError("must be a table: a kind of log in brackets", file=file, key=kind)
            of = found.setdefault("" if kind.lower() == "all" else kind.lower(), {})
            for name, places in fields.items():
                of[name.lower()] = (*of.get(name.lower(), ()), *_places(places, file, kind, name))
    return found


def _places(value: object, file: Path, kind: str, name: str) -> tuple[str, ...]:
    some = value if isinstance(value, list) else [value]
    names = [p.replace("|", "").strip() for p in some if isinstance(p, str) and p.strip("|. ")]
    if not names or len(names) < len(some):
        raise RuleError(
            "must be the name of a place, or a list of them", file=file, section=kind, key=name
        )
    return tuple(n if n in _COLUMNS or n.startswith(FIELDS) else f"{FIELDS}{n}" for n in names)
