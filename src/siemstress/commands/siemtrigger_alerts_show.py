"""siemtrigger alerts --show: one alert whole, its history and its events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from siemstress.commands import siemtrigger_shown as shown
from siemstress.commands.siemtrigger_alerts import as_object, in_pairs, parsed
from siemstress.query.filters import SEVERITIES
from siemstress.query.times import Zone
from siemstress.rules.alert_search import event_ids, events_of, history, resolved, watched
from siemstress.rules.alert_states import Wanted, states
from siemstress.store.base import Store

_EVENTS = 20
_LOGGED = ("time", "alert_id", "change", "user_name", "verdict", "assignee", "note",
           "event_count", "last_time")  # fmt: skip


def show(store: Store, beginning: str, zone: Zone, limit: int | None, *, as_json: bool) -> int:
    """Print an alert, what was said of it and the first events behind it."""
    (alert,) = states(store, Wanted(ids=resolved(store, [beginning]))).to_dicts()
    log = history(store, alert["alert_id"])
    ids = event_ids(store, alert["table"], alert["alert_id"])
    events = list(events_of(store, watched(alert), ids[: _EVENTS if limit is None else limit]))
    if as_json:
        from siemstress.render.text import visible_json

        told = [{name: row.get(name) for name in _LOGGED} for row in log]
        whole = {
            **as_object(alert),
            "source_ids": ids,
            "history": [_without_nothing(row) for row in told],
            "events": [_without_nothing(row) for row in events],
        }
        print(visible_json(json.dumps(whole, indent=2, ensure_ascii=False)))
        return 0
    shown.pairs(pairs_of(alert, zone))
    _history(alert, log, zone)
    _events(alert, events, len(ids), zone)
    return 0


def pairs_of(alert: Mapping[str, Any], zone: Zone) -> list[tuple[str, str]]:
    """What is known of an alert, by name."""
    tags = parsed(alert["tags"])
    severity = alert["severity"]
    return [
        ("alert", alert["alert_id"]),
        ("rule", alert["source_rule"]),
        ("message", alert["message"] or ""),
        ("severity", "" if severity is None else SEVERITIES[severity & 7]),
        ("magnitude", "" if alert["magnitude"] is None else str(alert["magnitude"])),
        ("group", in_pairs(alert["group_key"]) or ""),
        ("tags", ", ".join(map(str, tags)) if isinstance(tags, list) else ""),
        ("first event", shown.moment(alert["first_time"], zone)),
        ("opened at", shown.moment(alert["time"], zone)),
        ("last", shown.moment(alert["last_time"], zone)),
        ("events", f"{alert['event_count'] or 0:,}"),
        ("goes on", "yes" if alert["ongoing"] else ""),
        ("state", _state(alert)),
        ("assignee", alert["assignee"] or ""),
    ]


def _state(alert: Mapping[str, Any]) -> str:
    verdict = (alert["verdict"] or "").replace("_", " ")
    return f"{alert['state']} ({verdict})" if verdict else str(alert["state"])


def _history(alert: Mapping[str, Any], log: Sequence[Mapping[str, Any]], zone: Zone) -> None:
    if not log:
        return
    print()
    print("history")
    for row in log:
        who = row.get("user_name") or "siemtrigger"
        of = "" if row["alert_id"] == alert["alert_id"] else f" ({row['alert_id'][:8]})"
        when = shown.moment(row["time"].replace(microsecond=0), zone)
        shown.line(f"  {when}  {who}: {_said(row, zone)}{of}")


def _said(row: Mapping[str, Any], zone: Zone) -> str:
    """An entry of the log in words."""
    match row["change"]:
        case "note":
            return f"note: {row.get('note') or ''}"
        case "assigned":
            return f"assigned to {row['assignee']}" if row.get("assignee") else "assigned to nobody"
        case "closed":
            return f"closed as {(row.get('verdict') or '').replace('_', ' ')}"
        case "superseded":
            return f"superseded by {row.get('note') or ''}"
        case "extended" | "over":
            last = shown.moment(row.get("last_time"), zone)
            what = "went on" if row["change"] == "extended" else "was over"
            return f"{what}: {row.get('event_count') or 0:,} events, the last at {last}"
    return str(row["change"])


def _events(
    alert: Mapping[str, Any], events: Sequence[Mapping[str, Any]], known: int, zone: Zone
) -> None:
    if not known:
        return
    print()
    count = max(known, alert["event_count"] or 0)
    some = "" if len(events) == count else f", the first {len(events):,}"
    print(f"events: {count:,}{some}")
    for event in events:
        shown.line(f"  {shown.event_line(event, zone)}")


def _without_nothing(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.plain(row).items() if value is not None}
