"""What devices' formats have in common: named values in messages, and what a few of them mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from siemstress.formats.clock import Clock
from siemstress.formats.found import Found
from siemstress.formats.header import Header, Span
from siemstress.formats.keys import LEVELS
from siemstress.formats.leaves import Placed, appended
from siemstress.formats.named import event
from siemstress.sources.lines import LOW_BYTES, Lines

Verdict = tuple[str | None, str | None]
"""An action and an outcome; None: not told."""

Judge = Callable[[Sequence[str]], Verdict]

DECISIONS: Mapping[str, str] = {
    word: action
    for action, words in {
        "allow": "accept accepted allow allowed allowing pass passed passthrough permit permitted "
                 "permit-all grant granted encrypt decrypt",
        "deny": "deny denied drop dropped drop-all-packets drop-packet reject rejected block "
                "blocked block-url block-ip block-continue blocking ip-conn refuse refused "
                "reset reset-both reset-client reset-server sinkhole prevent prevented discard "
                "discarded req_blocked",
        "login": "login logon log_in sign-in signin user-login",
        "logout": "logout logoff log_out sign-out signout user-logout",
    }.items()
    for word in words.split()
}  # fmt: skip
"""What firewalls, proxies and the like say that they did, and our word for it."""

# What stands for no user at all.
_NOBODY = ("N/A", "n/a", "-", "null", "(null)", "none", "None", "unknown", "Unknown")
# Of texts that decide about an action, and stand one behind the other, what stands between.
_BETWEEN = "\x1f"


@dataclass(frozen=True)
class Meaning:
    """What named values mean in a format.

    `columns` are names (in lower case) by the columns that they fill, the best first. Of the values
    named in `of` (of several names in a tuple the first that is there) `judge` makes an action and
    an outcome, in lower case; without one, `actions` are the words that are an action.
    """

    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=lambda: LEVELS)
    actions: Mapping[str, str] = field(default_factory=lambda: DECISIONS)
    of: Sequence[tuple[str, ...]] = ()
    judge: Judge | None = None
    program: bool = True

    def header(self, base: Header, placed: Placed, clock: Clock, name: str) -> Header:
        """The header of messages in which values were found."""
        found = Found(placed.lines, placed, self.columns)
        user = found.text("user_name").is_in(_NOBODY).fill_null(False)
        if user.any():
            found.leave("user_name", np.flatnonzero(user.to_numpy()))
        better = event(
            found, base, clock, name,
            actions={} if self.judge else self.actions, levels=self.levels,
        )  # fmt: skip
        if self.program:
            better = replace(better, program=name)
        if self.judge is None:
            return better
        action, outcome = judged([placed.texts_of(*names) for names in self.of], self.judge)
        return replace(better, values={**better.values, "action": action, "outcome": outcome})


def judged(texts: Sequence[pl.Series], judge: Judge) -> tuple[pl.Series, pl.Series]:
    """Actions and outcomes by some texts, which are given in lower case, and empty where null.

    Each combination is asked for once.
    """
    frame = pl.DataFrame([text.fill_null("").alias(str(i)) for i, text in enumerate(texts)])
    # Longer ones are no words.
    short = [pl.col(name).str.head(48).str.to_lowercase() for name in frame.columns]
    key = frame.select(pl.concat_str(short, separator=_BETWEEN)).to_series()
    distinct = key.unique()
    verdicts = [judge(text.split(_BETWEEN)[: len(texts)]) for text in distinct]
    action, outcome = (
        key.replace_strict(
            distinct, pl.Series([v[i] for v in verdicts], dtype=pl.String), default=None,
            return_dtype=pl.String,
        )
        for i in (0, 1)
    )  # fmt: skip
    return action, outcome


def joined(placed: Placed, names: Sequence[str], as_name: str, between: str = " ") -> Placed:
    """With one more value in each line that has all of some: these, one behind the other.

    What it was made of is left out.
    """
    spans = [placed.column(name) for name in names]
    if any(span is None for span in spans):
        return placed
    texts = [placed.texts_of(name).alias(str(i)) for i, name in enumerate(names)]
    whole = pl.select(pl.concat_str([pl.lit(t) for t in texts], separator=between)).to_series()
    return given(placed, {as_name: whole}, instead_of=names)


def given(placed: Placed, texts: Mapping[str, pl.Series], instead_of: Sequence[str] = ()) -> Placed:
    """With texts by line, null for none, first; there values of some other names are left out."""
    gone = np.zeros(len(placed.row), bool)
    spans: dict[str, Span] = {}
    for name, text in texts.items():
        buffer, ends = appended(placed.lines.buffer, text.fill_null(""))
        placed = replace(placed, lines=Lines(buffer, placed.lines.starts, placed.lines.ends))
        spans[name] = Span(ends[:-1], np.diff(ends))
        has = text.is_not_null().to_numpy()
        old = [n for n, known in enumerate(placed.names) if known in instead_of]
        gone |= np.isin(placed.name, old) & has[placed.row]
    if gone.any():
        placed = placed.take(np.flatnonzero(~gone))
    return placed.led(spans)


def unescaped(placed: Placed, names: Sequence[str], escaped: str) -> Placed:
    """With backslashes taken out that stand before some characters, in values of some names."""
    numbers = [n for n, name in enumerate(placed.names) if name in names]
    at = np.flatnonzero(np.isin(placed.name, numbers))
    texts = placed.texts(at)
    has = texts.str.contains("\\", literal=True)
    if not has.any():
        return placed
    at = at[has.to_numpy()]
    characters = "".join(f"\\x{code:02x}" for code in escaped.encode())
    plain = texts.filter(has).str.replace_all(rf"\\([{characters}])", "$1")
    return placed.changed(at, plain)


TRANSPORTS: Mapping[int, str] = {
    1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah",
    58: "ipv6-icmp", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp",
}  # fmt: skip
"""Protocol numbers (IANA), in names as Linux has them in /etc/protocols."""


def transports(placed: Placed, *names: str) -> Placed:
    """With protocols by name that are numbers."""
    numbers = [n for n, name in enumerate(placed.names) if name in names]
    at = np.flatnonzero(np.isin(placed.name, numbers) & (placed.value.length <= 3))
    value = placed.value.take(at)
    number = placed.lines.number(value.start, value.length)
    known = np.isin(number, list(TRANSPORTS))
    if not known.any():
        return placed
    at, number = at[known], number[known]
    words = {n: i for i, n in enumerate(TRANSPORTS)}
    place = np.zeros(1000, np.int64)
    place[list(words)] = list(words.values())
    buffer, ends = appended(placed.lines.buffer, pl.Series(list(TRANSPORTS.values())))
    start, length = placed.value.start.copy(), placed.value.length.copy()
    start[at], length[at] = ends[:-1][place[number]], np.diff(ends)[place[number]]
    lines = Lines(buffer, placed.lines.starts, placed.lines.ends)
    return replace(placed, lines=lines, value=Span(start, length))


_PEER = (
    r"^\[?(?P<host>\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*?)\]?"
    r"(?:[:/#](?P<port>\d{1,5}))?(?:[:/@%(].*)?$"
)


def peers(placed: Placed, names: Sequence[str], host: str, port: str) -> Placed:
    """With the addresses and ports in values of some names, `192.0.2.1:443:X1`, under two others.

    Only the first of these names that a line has is looked at; what is no address stays as it is.
    """
    text = placed.texts_of(*names)
    if text.null_count() == len(text):
        return placed
    parts = text.str.extract_groups(_PEER).struct.unnest()
    return given(placed, {host: parts["host"], port: parts["port"]})


_NOTHING = ("N/A", "(null)", "n/a", "None")


def without_nothing(placed: Placed) -> Placed:
    """Without values that only say that there is none."""
    nothing = np.zeros(len(placed.row), bool)
    word = placed.lines.words[placed.value.start]
    for text in _NOTHING:
        known = np.uint64(int.from_bytes(text.encode(), "little"))
        length = placed.value.length == len(text)
        nothing |= length & (word & LOW_BYTES[len(text)] == known)
    return placed.take(np.flatnonzero(~nothing)) if nothing.any() else placed


_STAMP = (
    r"^(?P<month>[A-Z][a-z]{2}) (?P<day>\d\d),? (?P<year>\d{4}) "
    r"(?P<time>\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?: (?P<zone>UTC|GMT|Z))?$"
)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def stamped(placed: Placed, names: Sequence[str], as_name: str) -> Placed:
    """With times as `Nov 08 2020 12:30:00.111 UTC` in ISO 8601, under another name.

    Only the first of some names that a line has is looked at. Of zones by name only UTC is known.
    """
    text = placed.texts_of(*names)
    if not text.str.contains(r"^[A-Z]").any():
        return placed
    parts = text.str.extract_groups(_STAMP).struct.unnest()
    month = parts["month"].replace_strict(
        _MONTHS, [f"{i:02}" for i in range(1, 13)], default=None, return_dtype=pl.String
    )
    zone = pl.when(pl.col("zone").is_null()).then(pl.lit("")).otherwise(pl.lit("Z"))
    pieces = ("year", pl.lit("-"), pl.lit(month), pl.lit("-"), "day", pl.lit("T"), "time", zone)
    stamp = parts.select(pl.concat_str(*pieces)).to_series()
    return given(placed, {as_name: stamp}, instead_of=(as_name,))
