"""The figures as lines, each with what was expected of it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


class Report:
    """Prints each figure as soon as it is known, and counts those that fall short."""

    def __init__(self, lines: int, size: int, times: int) -> None:
        self.lines, self.size, self.short = lines, size, 0
        cores = len(os.sched_getaffinity(0))
        libraries = ", ".join(f"{name} {version(name)}" for name in ("polars", "duckdb"))
        print(
            f"siemstress {version('siemstress')}, Python {platform.python_version()}, {libraries}"
        )
        print(
            f"{cores} cores, {lines:,} lines, {size / 1e6:,.0f} MB, {size / lines:.0f} B/line, "
            f"medians of {times}",
            flush=True,
        )

    def heading(self, title: str) -> None:
        """A new group of figures."""
        print(f"\n{title}", flush=True)

    def line(self, what: str, figure: str, expected: str = "", ok: bool = True) -> None:
        """One figure, and whether it is as expected."""
        self.short += not ok
        mark = f"  {'ok   ' if ok else 'short'}  expected {expected}" if expected else ""
        print(f"  {what:<46} {figure:>22}{mark}", flush=True)

    def skip(self, what: str, why: str) -> None:
        """A peer that cannot be measured here."""
        self.line(what, "skipped", "", ok=True)
        print(f"    ({why})", flush=True)

    def seconds(self, what: str, value: float, budget: float | None = None) -> None:
        """A time, at best within a budget."""
        expected = f"≤ {budget:.2f} s" if budget is not None else ""
        self.line(what, f"{value:.3f} s", expected, budget is None or value <= budget)

    def rate(
        self, what: str, value: float, cpu: float | None = None, at_least: float | None = None
    ) -> None:
        """Lines a second, and the seconds of CPU behind it."""
        used = f" ({cpu:.1f} s CPU)" if cpu is not None else ""
        expected = f"≥ {at_least:,.0f} lines/s" if at_least is not None else ""
        ok = at_least is None or value >= at_least
        self.line(what + used, f"{value:,.0f} lines/s", expected, ok)

    def ratio(self, what: str, value: float, at_least: float | None = None) -> None:
        """How many times as fast."""
        expected = f"≥ {at_least} ×" if at_least is not None else ""
        self.line(what, f"{value:,.2f} ×", expected, at_least is None or value >= at_least)

    def megabytes(self, what: str, value: int, budget: int) -> None:
        """Memory, from bytes."""
        self.line(what, f"{value / 1e6:,.0f} MB", f"≤ {budget} MB", value / 1e6 <= budget)

    def stored(self, value: int) -> None:
        """The size of the stored events, beside the text's."""
        share = value / self.size
        figure = f"{value / self.lines:.1f} B/line, {share:.1%}"
        self.line("stored, share of the text", figure, "≤ 28 %", share <= 0.28)

    def end(self) -> None:
        """The last line."""
        print(f"\n{self.short} short" if self.short else "\nall as expected")
