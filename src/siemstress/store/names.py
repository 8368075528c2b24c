"""What a table can be called, in any store."""

from __future__ import annotations

import re

from siemstress.errors import StoreError

_TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


def is_table_name(name: str) -> bool:
    """Whether a name is letters, digits and `_` only, and at most 64 of them."""
    return _TABLE_NAME.match(name) is not None


def table_name(name: str) -> str:
    """The name, if a table can be called so.

    Raises:
        StoreError: it is more than letters, digits and `_`, or longer than 64.

    """
    if not is_table_name(name):
        raise StoreError(f"no table can be called {name[:80]!r}: letters, digits and _ only")
    return name
