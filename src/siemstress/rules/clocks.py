"""Rules that time alone can fulfil: looked at again when some has passed, whatever has come.

Up to when each was looked at is a position of its own (µs since 1970), beside those of what came.
"""

from __future__ import annotations

from collections.abc import Sequence

from siemstress.rules.episodes.find import timed
from siemstress.rules.feeds import Windowed
from siemstress.rules.model import Rule
from siemstress.rules.positions import Positions
from siemstress.rules.raising import Touched

_SECOND = 1_000_000


def in_time(
    positions: Positions, rules: Sequence[Rule], concerned: Sequence[Touched], now: int
) -> tuple[list[Touched], dict[str, int]]:
    """What is to be looked at: what is concerned anyway, and what it is time for.

    Gives the positions, too, up to which it is looked at then.
    """
    found = {t.rule.member: t for t in concerned}
    reached: dict[str, int] = {}
    for rule in rules:
        if rule.windowed is None or not is_timed(rule.windowed):
            continue
        consumer = f"siemtrigger:clock:{rule.member}"
        before = positions.single(consumer)
        t = found.get(rule.member)
        if t is None and before is not None and now - before < _often(rule.windowed):
            continue
        since = now if before is None else min(before, now)
        if t is None:
            found[rule.member] = Touched(rule, since, now, None, 0, frozenset())
        else:
            t.low, t.high, t.groups = min(t.low, since), max(t.high, now), None
        reached[consumer] = now
    return list(found.values()), reached


def is_timed(windowed: Windowed) -> bool:
    """Whether the passing of time alone can bring an episode."""
    inner = (part.source for part in windowed.parts if isinstance(part.source, Windowed))
    return timed(windowed.window) or any(map(is_timed, inner))


def _often(windowed: Windowed) -> int:
    """How much time (µs) may pass before it is looked at again."""
    return min(max(windowed.window.span // 20, 5 * _SECOND), 300 * _SECOND)
