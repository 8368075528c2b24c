"""siemtrigger --backtest and --gaps: what rules would have raised, and what they have not seen."""

from __future__ import annotations

import argparse
import fnmatch
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.errors import QueryError, RuleError, StoreError

if TYPE_CHECKING:
    from siemstress.rules.backtest import Tested
    from siemstress.rules.model import Rule
    from siemstress.store.base import Store

PROG = "siemtrigger"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of both."""
    add = parser.add_argument
    add(
        "--backtest",
        metavar="RANGE",
        help="show what the rules would have raised: a span up to now (30d) or START-FINISH",
    )
    add("--rule", action="append", metavar="RULE", help="only rules of this name or id; * and ?")
    add("--commit", action="store_true", help="with --backtest: store the alerts that are missing")
    add("--gaps", action="store_true", help="show what each rule has not evaluated yet")


def chosen(rules: Sequence[Rule], wanted: Sequence[str] | None) -> list[Rule]:
    """The rules of some names or ids, in which `*` and `?` stand for other text.

    Raises:
        RuleError: there is none.

    """
    if not wanted:
        return list(rules)
    patterns = [re.compile(fnmatch.translate(name), re.IGNORECASE) for name in wanted]
    found = [r for r in rules if any(p.match(r.name) or p.match(r.id) for p in patterns)]
    if not found:
        raise RuleError("there is no such rule; see siemtrigger --rules", key=f"--rule {wanted[0]}")
    return found


def backtest(store: Store, rules: Sequence[Rule], text: str, *, commit: bool) -> int:
    """Show, and with `commit` store, what rules raise over a range; the exit status."""
    from siemstress.query import times
    from siemstress.rules.backtest import Backtest
    from siemstress.rules.model import since_epoch

    moment = times.now()
    if "-" in text or ":" in text:
        first, last = times.parse_range(text, UTC, "--backtest")
    else:
        try:
            first, last = times.before(moment, times.parse_span(text, "--backtest")), None
        except QueryError:
            raise QueryError(
                f"must be a span like 30d, or START-FINISH, not {text[:40]!r}", key="--backtest"
            ) from None
    failed: dict[str, StoreError] = {}

    def note(rule: Rule, error: StoreError) -> None:
        if rule.name not in failed:
            failed[rule.name] = error
            say(f"{PROG}: {rule.file} [{rule.name}]: cannot be evaluated: {error}")

    now = since_epoch(moment)
    run = Backtest(store, rules, first, last, note)
    tested = sorted(run.run(now), key=lambda t: (t.alert.time, t.alert.rule.name, t.alert.id))
    for one in tested:
        print(_line(one))
    new = sum(not one.stored for one in tested)
    text = f"{len(rules)} rules, {len(tested)} alerts, of which {new} are not stored"
    if commit:
        text = f"{len(rules)} rules, {len(tested)} alerts, {run.commit(tested, now)} newly stored"
    say(f"{PROG}: {text}")
    return 1 if failed else 0


def show_gaps(store: Store, rules: Sequence[Rule]) -> int:
    """Print a line for each rule and table with rows that it has not seen; the exit status."""
    from siemstress.render.text import visible
    from siemstress.rules.gaps import gaps

    count = 0
    for gap in gaps(store, rules):
        count += 1
        span = f"{_time(gap.first)}\t{_time(gap.last)}"
        print(visible(f"{gap.rule.name}\t{gap.table}\t{gap.rows}\t{span}"))
    if not count:
        say(f"{PROG}: {len(rules)} rules have seen all that is stored")
    return 0


def _line(tested: Tested) -> str:
    from siemstress.render.text import visible

    alert = tested.alert
    parts = (
        f"{_time(alert.time)}\t{_time(alert.last)}\t{alert.id}",
        "stored" if tested.stored else "new",
        f"{alert.rule.name}\t{alert.events}\t{' '.join(alert.message.split())}",
    )
    return visible("\t".join(parts))


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
