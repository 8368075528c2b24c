"""Regular expressions with named groups over parts of lines, a batch at a time.

They are Rust's, which take linear time whatever the text and the expression are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import polars as pl

from siemstress.formats.leaves import Leaves, of_columns
from siemstress.sources.lines import Mask

_WHOLE = "_"


class Expression:
    """A regular expression. Groups are named as columns or fields, `source_host` or `geo.city`."""

    def __init__(self, regex: str) -> None:
        """`regex` is in Rust's notation; groups without a name are not kept."""
        self.regex = f"(?P<{_WHOLE}>{regex})"

    def match(self, text: pl.Series) -> tuple[Mask, Leaves]:
        """Which texts it is found in, and what its groups hold in these, which are numbered anew.

        Raises:
            polars.exceptions.ComputeError: it is no regular expression.

        """
        ok, columns = self.groups(text)
        return ok, of_columns(columns)

    def groups(self, text: pl.Series) -> tuple[Mask, dict[str, pl.Series]]:
        """The same, as a column for each group; null where it is not found.

        Raises:
            polars.exceptions.ComputeError: it is no regular expression.

        """
        found = text.str.extract_groups(self.regex).struct.unnest()
        ok = found[_WHOLE].is_not_null()
        if not ok.all():
            found = found.filter(ok)
        return ok.to_numpy(), {name: found[name] for name in _named(found.columns)}

    @cached_property
    def names(self) -> list[str]:
        """The groups' names."""
        kind = pl.Series([""]).str.extract_groups(self.regex).dtype
        assert isinstance(kind, pl.Struct)  # noqa: S101 - what groups are taken out as
        return _named([f.name for f in kind.fields])


def _named(groups: Sequence[str]) -> list[str]:
    return [name for name in groups if name != _WHOLE and not name.isdecimal()]


def reason(error: pl.exceptions.PolarsError) -> str:
    """What is wrong with an expression, in one line."""
    lines = str(error).splitlines()
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return told[0] if told else lines[0].removeprefix("regex error: ")
