"""siemtrigger why and why-not: which clauses of a rule events met, and which failed."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from siemstress.errors import QueryError

if TYPE_CHECKING:
    from siemstress.commands.siemtrigger_actions import Actions
    from siemstress.query.times import Zone
    from siemstress.rules.explain_rule import Met
    from siemstress.rules.model import Rule
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store

WHY_EXAMPLES = """\
why 3f9a0c21
why 3f9a0c21 --limit 20"""
WHY_NOT_EXAMPLES = "why-not web_scan 936300972152455172"
_EVENTS = 5


def add_to(actions: Actions) -> None:
    """Add both actions."""
    parser = actions.add("why", why, "Show which clauses of its rule an alert met", WHY_EXAMPLES)
    parser.add_argument("alert", metavar="ALERT", help="an alert, by the beginning of its id")
    parser.add_argument("--limit", metavar="N", help=f"so many of its events (default: {_EVENTS})")
    parser.add_argument("-z", "--zone", metavar="ZONE", help="zone of the times that are shown")
    parser = actions.add(
        "why-not", why_not, "Show which clause of a rule an event failed", WHY_NOT_EXAMPLES
    )
    parser.add_argument("rule", metavar="RULE", help="a rule, by its name or id")
    parser.add_argument("event", metavar="EVENT-ID", help="an event, by its id")
    parser.add_argument("-z", "--zone", metavar="ZONE", help="zone of the times that are shown")


def why(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Print what an alert's rule asks for, and how the events behind it meet it."""
    from siemstress.commands import siemtrigger_shown as shown
    from siemstress.query.filters import number
    from siemstress.rules import explain_text
    from siemstress.rules.alert_search import event_ids, events_of, resolved, watched
    from siemstress.rules.alert_states import Wanted, states
    from siemstress.rules.explain_rule import behind, met_by, names_of
    from siemstress.rules.model import since_epoch

    zone = _zone(options)
    limit = _EVENTS if options.limit is None else number("--limit", options.limit, 1000)
    (alert,) = states(store, Wanted(ids=resolved(store, [options.alert]))).to_dicts()
    rule = _rule(settings, store, alert["rule_id"] or "", alert["source_rule"])
    first, last = (
        since_epoch(alert[name] or alert["time"]) for name in ("first_time", "last_time")
    )
    ids = behind(store, rule, alert["alert_id"], first, last)
    ids = ids or event_ids(store, alert["table"], alert["alert_id"])
    events = list(events_of(store, watched(alert), ids[:limit]))
    shown.pairs(_about(alert, rule, zone))
    names = names_of(settings, rule)
    by_table = {
        table: met_by(store, rule, table, [e["id"] for e in events if e["table"] == table], names)
        for table in dict.fromkeys(event["table"] for event in events)
    }
    for event in events:
        print()
        shown.line(shown.event_line(event, zone))
        found = by_table[event["table"]][event["id"]]
        met = [one for one in found if one.clause.met]
        for one in met:
            _lines(rule, one, explain_text.met(one.clause))
        if found and not met:
            shown.line("  does not meet the rule's condition as it is now:")
            for one in found:
                _lines(rule, one, explain_text.failed(one.clause, 1))
    more = max(len(ids), alert["event_count"] or 0) - len(events)
    if more > 0:
        print()
        print(f"and {more:,} more")
    return 0


def why_not(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Print which clauses of a rule's condition an event fails, or what its windows lacked."""
    from siemstress.commands import siemtrigger_shown as shown
    from siemstress.rules import explain_text
    from siemstress.rules.explain_rule import met_by, names_of

    zone = _zone(options)
    rule = _rule(settings, store, options.rule)
    event = _found(store, rule, options.event)
    shown.line(shown.event_line(event, zone))
    if event["table"] not in rule.tables:
        tables = ", ".join(rule.tables) or "nothing"
        shown.line(f"{rule.name} does not watch {event['table']}, but {tables}")
        return 0
    if event["time"] is None:
        shown.line(f"{rule.name} is about events with a time, and this one has none")
        return 0
    names = names_of(settings, rule)
    found = met_by(store, rule, event["table"], [event["id"]], names)[event["id"]]
    if found and not any(one.clause.met for one in found):
        shown.line(f"{rule.name} is not about it:")
        for one in found:
            _lines(rule, one, explain_text.failed(one.clause))
        return 0
    shown.line(f"{rule.name} is about it:")
    for one in found:
        if one.clause.met:
            _lines(rule, one, explain_text.met(one.clause))
    for line in _of_windows(store, rule, event):
        shown.line(line)
    return 0


def _of_windows(store: Store, rule: Rule, event: Mapping[str, Any]) -> Iterable[str]:
    """What a rule finds around an event that meets its condition."""
    from siemstress.rules.explain_rule import around
    from siemstress.rules.explain_window import asked_for, there_was
    from siemstress.rules.model import since_epoch

    if rule.windowed is None:
        yield _query(rule)
        return
    t = since_epoch(event["time"])
    there = around(store, rule, event["id"], t)
    for alert, is_stored in there.alerts.items():
        if is_stored:
            yield f"it is behind the alert {alert}"
        else:
            yield f"it is behind an alert that is not stored yet: {alert}"
    if there.alerts:
        return
    if not there.grouped:
        yield f"it lacks a value of those that the rule groups by: {_names(rule)}"
        return
    yield f"but the rule asks for {asked_for(rule.windowed)}"
    what = there_was(rule.windowed, there.matches, event["id"])
    if what:
        yield what


def _names(rule: Rule) -> str:
    return ", ".join(rule.group_names)


def _query(rule: Rule) -> str:
    from siemstress.rules.alerts import spelled

    return f"it asks a query every {spelled(rule.interval)}, for more than {rule.limit} rows"


def _about(alert: Mapping[str, Any], rule: Rule, zone: Zone) -> list[tuple[str, str]]:
    from siemstress.commands.siemtrigger_alerts_show import pairs_of
    from siemstress.rules.explain_window import asked_for

    shown = ("alert", "rule", "message", "group", "first event", "opened at", "last", "events")
    known = [(name, text) for name, text in pairs_of(alert, zone) if name in shown]
    asks = _query(rule) if rule.windowed is None else f"asks for {asked_for(rule.windowed)}"
    return [*known, ("the rule", asks)]


def _rule(settings: Settings, store: Store, *names: str) -> Rule:
    """The rule of the first of some names that there is."""
    from siemstress.rules.explain_rule import rule_named
    from siemstress.rules.gather import gather

    rules = gather(settings, store).rules
    for name in names[:-1]:
        if any(rule.id == name for rule in rules if rule.id):
            return rule_named(rules, name)
    return rule_named(rules, names[-1])


def _found(store: Store, rule: Rule, text: str) -> dict[str, Any]:
    """The event of an id: in the rule's tables, or elsewhere."""
    from siemstress.rules.alert_search import events_of
    from siemstress.rules.tables import OWN

    if not text.strip().isascii() or not text.strip().isdecimal() or int(text) >= 2**63:
        raise QueryError(
            f"an event's id is a number, not {text[:40]!r}; see siemquery --columns id"
        )
    others = [table for table in store.tables() if table not in OWN and table not in rule.tables]
    for tables in (rule.tables, others):
        for event in events_of(store, tables, [int(text)]):
            return event
    raise QueryError(f"there is no event {text[:40]}")


def _zone(options: argparse.Namespace) -> Zone:
    from siemstress.query.times import parse_zone

    return parse_zone(options.zone, "-z") if options.zone else None


def _lines(rule: Rule, met: Met, lines: Iterable[tuple[int, str]]) -> None:
    """Print clauses below the name of their part, unless that is the whole rule."""
    from siemstress.commands import siemtrigger_shown as shown

    indent = 1
    if met.part not in ("", rule.title):
        shown.line(f"  {met.part}")
        indent = 2
    for depth, text in lines:
        shown.line("  " * (indent + depth) + text)
