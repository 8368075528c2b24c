"""siemtrigger alerts: which alerts there are, and what people say of them."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.errors import QueryError
from siemstress.query.times import Zone, before, now, parse_range, parse_span, parse_zone

if TYPE_CHECKING:
    import polars as pl

    from siemstress.commands.siemtrigger_actions import Actions
    from siemstress.rules.alert_log import Entry
    from siemstress.rules.alert_states import Wanted
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store

EXAMPLES = """\
alerts
alerts --severity 0-3 --last 24h
alerts --acknowledge 3f9a0c21
alerts --close 3f9a0c21 --as false --note 'our own scanner'
alerts --rule 'Web scan*' --close --as false --all-shown
alerts --show 3f9a0c21"""

_LEAST_SHOWN = 8
# As wide a terminal has room for all columns.
_WIDE = 160
_LEVELS = {"high": "3", "medium": "4", "low": "5"}
_VERDICTS = {"true": "true_positive", "false": "false_positive"}
_NO_QUOTE = '[^"]'


def add_to(actions: Actions) -> None:
    """Add the action."""
    parser = actions.add("alerts", alerts, "List alerts, and change what is said of them", EXAMPLES)
    parser.add_argument("ids", nargs="*", metavar="ID", help="an alert, by the beginning of its id")
    _add_filters(parser.add_argument_group("which alerts"))
    changes = parser.add_argument_group("changes")
    what = changes.add_mutually_exclusive_group()
    what.add_argument("--acknowledge", action="store_true", help="somebody looks at them")
    what.add_argument("--close", action="store_true", help="they are done with; needs --as")
    what.add_argument("--reopen", action="store_true", help="they are not done with after all")
    changes.add_argument("--as", choices=tuple(_VERDICTS), dest="verdict", help="right or false")
    changes.add_argument("--assign", metavar="NAME", help="who works on them; '' for nobody")
    changes.add_argument("--note", metavar="TEXT", help="add a note")
    changes.add_argument(
        "--all-shown", action="store_true", help="change all alerts that the filters show"
    )
    how = parser.add_argument_group("how to show them")
    how.add_argument("--show", metavar="ID", help="one alert whole, its history and its events")
    how.add_argument("--limit", metavar="N", help="only the newest N; with --show, N events")
    how.add_argument("--json", action="store_true", help="print JSON")
    how.add_argument("-z", "--zone", metavar="ZONE", help="zone of --range and of shown times")


def _add_filters(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--state",
        action="append",
        metavar="STATE",
        help="open, acknowledged, closed, superseded, withdrawn (default: open, acknowledged)",
    )
    group.add_argument("--all", action="store_true", help="in whatever state")
    group.add_argument(
        "--rule", action="append", metavar="RULE", help="of this rule; * stands for any text"
    )
    group.add_argument(
        "--severity", action="append", metavar="SEVERITY", help="0 to 7, a range, a name or level"
    )
    group.add_argument(
        "--tag", action="append", metavar="TAG", help="with this tag; * stands for any text"
    )
    group.add_argument(
        "--attack", action="append", metavar="NAME", help="ATT&CK technique (T1110) or tactic"
    )
    group.add_argument("--last", metavar="SPAN", help="that went on within 30s, 5m, 24h, 7d or 2w")
    group.add_argument("--range", metavar="START-FINISH", help="that went on then; beats --last")
    group.add_argument(
        "--assignee", action="append", metavar="NAME", help="that NAME works on; '': nobody"
    )


def alerts(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """List alerts, show one, or change what is said of some."""
    del settings
    zone = parse_zone(options.zone, "-z") if options.zone else None
    limit = _limit(options.limit)
    changes = _changes(options)
    if options.show is not None:
        from siemstress.commands.siemtrigger_alerts_show import show

        if options.ids or changes:
            raise QueryError("cannot go with other alerts, or with changes", key="--show")
        return show(store, options.show, zone, limit, as_json=options.json)
    if changes and not options.ids and not options.all_shown:
        raise QueryError("which alerts? give their ids, or --all-shown for all that are shown")
    if options.all_shown and not changes:
        raise QueryError("goes with a change", key="--all-shown")
    from siemstress.rules.alert_states import states

    found = states(store, _wanted(store, options, zone))
    if limit is not None:
        found = found.tail(limit)
    if changes:
        return _change(store, found, changes)
    return _list(found, zone, as_json=options.json)


# Which ------------------------------------------------------------------------------------------


def _wanted(store: Store, options: argparse.Namespace, zone: Zone) -> Wanted:
    from siemstress.query.filters import parse_flags
    from siemstress.rules.alert_search import resolved
    from siemstress.rules.alert_states import Wanted

    first = last = None
    if options.range is not None:
        first, last = parse_range(options.range, zone)
    elif options.last is not None:
        first = before(now(), parse_span(options.last, "--last"))
    severities = None
    if options.severity:
        texts = [_named_levels(text) for text in options.severity]
        try:
            chosen = parse_flags({"severity": texts}).include["severity"]
        except QueryError as e:
            raise QueryError(e.message, key="--severity") from None
        severities = [int(number) for number in chosen]
    return Wanted(
        ids=resolved(store, options.ids) if options.ids else None,
        time_min=first,
        time_max=last,
        severities=severities,
        states=_states(options),
        patterns=_patterns(options),
    )


def _states(options: argparse.Namespace) -> Sequence[str] | None:
    from siemstress.rules.alert_states import STATES

    if options.state:
        chosen = [part.strip().lower() for text in options.state for part in text.split(",")]
        for name in chosen:
            if name not in STATES:
                there = ", ".join(STATES)
                raise QueryError(f"must be of {there}; not {name[:40]!r}", key="--state")
        return chosen
    return None if options.all or options.ids else ("open", "acknowledged")


def _patterns(options: argparse.Namespace) -> list[tuple[str, Sequence[str]]]:
    flags = (
        ("source_rule", options.rule, lambda text: f"^{_glob(text, '.')}$"),
        ("tags", options.tag, lambda text: f'"{_glob(text, _NO_QUOTE)}"'),
        ("tags", options.attack, _attack),
        ("assignee", options.assignee, lambda text: f"^{re.escape(text.strip().lower())}$"),
    )
    return [(column, [made(text) for text in texts]) for column, texts, made in flags if texts]


def _glob(text: str, any_character: str) -> str:
    """A pattern with `*` and `?` as a regular expression in lower case."""
    parts = re.split(r"([*?])", " ".join(text.lower().split()))
    stands = {"*": f"{any_character}*", "?": any_character}
    return "(?s)" + "".join(stands.get(part, re.escape(part)) for part in parts)


def _attack(text: str) -> str:
    """What a tag of a technique, with all below it, or of a tactic is like."""
    name = text.strip().lower().removeprefix("attack.")
    words = "[-_]".join(re.escape(word) for word in re.split(r"[-_\s]+", name))
    return rf'"attack\.{words}(?:\.\d+)?"'


def _named_levels(text: str) -> str:
    """Severities with Sigma's levels in the place of their names."""
    return re.sub(r"[a-z]+", lambda m: _LEVELS.get(m[0], m[0]), text.lower())


def _limit(text: str | None) -> int | None:
    from siemstress.query.filters import number

    return None if text is None else number("--limit", text, 2**31)


# Changes ----------------------------------------------------------------------------------------

_Made = Callable[[str, "str | None"], "Entry"]


def _changes(options: argparse.Namespace) -> list[tuple[str, _Made]]:
    """What is to be said of alerts: how it is told, and the entry for an alert and its rule."""
    from functools import partial

    from siemstress.rules.alert_log import Entry

    if options.close != (options.verdict is not None):
        wrong = "needs --as true or --as false" if options.close else "goes with --close"
        raise QueryError(wrong, key="--close" if options.close else "--as")
    found: list[tuple[str, Mapping[str, str | None]]] = []
    if options.acknowledge:
        found.append(("acknowledged", {"change": "acknowledged"}))
    if options.close:
        verdict = _VERDICTS[options.verdict]
        found.append(("closed", {"change": "closed", "verdict": verdict}))
    if options.reopen:
        found.append(("reopened", {"change": "reopened"}))
    if options.assign is not None:
        name = options.assign.strip() or None
        found.append(("assigned", {"change": "assigned", "assignee": name}))
    if options.note is not None:
        if not options.note.strip():
            raise QueryError("is empty", key="--note")
        found.append(("noted", {"change": "note", "note": options.note.strip()}))
    who = _who() if found else None

    def entry(values: Mapping[str, str | None], alert: str, rule: str | None) -> Entry:
        return Entry(alert_id=alert, rule=rule, user_name=who, **values)  # type: ignore[arg-type] # `values` are of texts

    return [(told, partial(entry, values)) for told, values in found]


def _change(store: Store, found: pl.DataFrame, changes: Sequence[tuple[str, _Made]]) -> int:
    from siemstress.rules.alert_log import append

    rows = found.select("alert_id", "source_rule").rows()
    append(store, [made(alert, rule) for alert, rule in rows for _, made in changes])
    what = ", ".join(told for told, _ in changes)
    say(f"siemtrigger: {what}: {len(rows):,} {'alert' if len(rows) == 1 else 'alerts'}")
    return 0


def _who() -> str:
    """Who makes a change: also behind sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


# Listing ----------------------------------------------------------------------------------------


def _list(found: pl.DataFrame, zone: Zone, *, as_json: bool) -> int:
    from siemstress.commands import siemtrigger_shown as shown
    from siemstress.render.output import standard_output

    width = standard_output().width
    if as_json:
        from siemstress.render.text import visible_json

        rows = [as_object(row) for row in found.iter_rows(named=True)]
        print(visible_json(json.dumps(rows, indent=2, ensure_ascii=False)))
    elif width is None:
        shown.tabs(_columns(found))
    else:
        if not len(found):
            say("siemtrigger: no such alerts")
        shown.table(_for_people(found, width), zone)
    return 0


def as_object(row: Mapping[str, object]) -> dict[str, object]:
    """An alert as JSON has it."""
    from siemstress.commands.siemtrigger_shown import plain

    return plain({**row, "group_key": parsed(row["group_key"]), "tags": parsed(row["tags"])})


def parsed(text: object) -> object:
    """A value that is stored as JSON."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


def _columns(found: pl.DataFrame) -> pl.DataFrame:
    """What a listing shows."""
    import polars as pl

    from siemstress.query.filters import SEVERITIES

    names = dict(enumerate(SEVERITIES))
    verdict = pl.concat_str(pl.lit(" ("), pl.col("verdict").str.replace("_", " "), pl.lit(")"))
    return found.select(
        pl.col("alert_id").alias("id"),
        pl.col("time"),
        pl.col("last_time").alias("last"),
        pl.col("severity").replace_strict(names, default=None, return_dtype=pl.String),
        pl.col("magnitude"),
        pl.col("source_rule").alias("rule"),
        pl.col("group_key").alias("group"),
        pl.col("event_count").alias("events"),
        pl.concat_str("state", verdict.fill_null("")).alias("state"),
        pl.col("assignee"),
        pl.col("message"),
    )


def _for_people(found: pl.DataFrame, width: int) -> pl.DataFrame:
    """The listing with what is short of each, and without what there is no room for."""
    import polars as pl

    shown = _columns(found).with_columns(
        pl.col("id").str.slice(0, _short(found["alert_id"].to_list())),
        pl.col("time", "last").dt.truncate("1s"),
        pl.col("state").str.replace(" positive", "", literal=True),
        pl.col("group").map_elements(in_pairs, return_dtype=pl.String),
    )
    return shown if width >= _WIDE else shown.drop("last", "magnitude", "group")


def in_pairs(group_key: str | None) -> str | None:
    """A group as `name=value, …`; None where there is none."""
    group = parsed(group_key)
    if not isinstance(group, dict):
        return group_key
    return ", ".join(f"{name}={value}" for name, value in group.items()) or None


def _short(ids: Sequence[str]) -> int:
    """How much of ids is shown, so that they are told apart."""
    length = _LEAST_SHOWN
    while length < 100 and len({text[:length] for text in ids}) < len(set(ids)):
        length += 1
    return length
