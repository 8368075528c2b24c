"""What a table can be called, in any store."""

from __future__ import annotations

from siemstress.errors import StoreError
from siemstress.schema import is_table_name


def table_name(name: str) -> str:
    """The name, if a table can be called so.

    Raises:
        StoreError: it is more than letters, digits and `_`, or longer than 64.

    """
    if not is_table_name(name):
        raise StoreError(f"no table can be called {name[:80]!r}: letters, digits and _ only")
    return name
