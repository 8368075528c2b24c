"""How long siemtrigger keeps what it knows: as long as what that is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from siemstress.config import Section
from siemstress.rules.model import Rule
from siemstress.rules.tables import ALERT_LOG, MATCHES, NOTIFIED
from siemstress.store.retention import Kept, limits


def kept(sections: Sequence[Section], rules: Sequence[Rule]) -> dict[str, Kept]:
    """The tables that siemtrigger frees of old rows, and how much of them is kept.

    Alerts are kept as their sections say; what became of them and who was told, as long as the
    alerts that are kept longest; matches, as long as the logs that are. Without a limit for one of
    these there is none.
    """
    outs = {rule.out_table for rule in rules}
    found = limits(section for section in sections if section.table in outs)
    spans = {section.table: section.keep for section in sections}
    logs = {table for rule in rules for table in rule.tables}
    if (longest := _longest(spans.get(table) for table in logs)) is not None:
        found[MATCHES] = Kept(longest)
    if (longest := _longest(spans.get(table) for table in outs)) is not None:
        found |= {ALERT_LOG: Kept(longest), NOTIFIED: Kept(longest)}
    return found


def _longest(spans: Iterable[timedelta | None]) -> timedelta | None:
    """The longest of some times; None where one of them is without end."""
    some = list(spans)
    known = [span for span in some if span is not None]
    return max(known) if known and len(known) == len(some) else None
