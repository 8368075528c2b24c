"""siemtrigger notify: who was told of alerts, who could not be; tests of notifiers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.errors import QueryError

if TYPE_CHECKING:
    from siemstress.commands.siemtrigger_actions import Actions
    from siemstress.notify.notifiers import Notifiers
    from siemstress.notify.settings import Receiver
    from siemstress.rules.model import Rule
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store

EXAMPLES = """\
notify
notify --test
notify --test oncall
notify --retry"""


def add_to(actions: Actions) -> None:
    """Add the action."""
    meaning = "Show who was told of alerts, and test who is to be told"
    parser = actions.add("notify", notify, meaning, EXAMPLES)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--test", nargs="?", const="", metavar="NAME", help="send a test now, to all or to one"
    )
    what.add_argument(
        "--retry",
        nargs="?",
        const="",
        metavar="NAME",
        help="send now what could not be sent, and what was given up",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def notify(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Show the state of the ledger, or send tests, or what could not be sent."""
    from siemstress.notify.settings import read_receivers

    receivers = read_receivers(settings.notifiers)
    if options.test is not None:
        return _test(_chosen(receivers, options.test, "--test"))
    if options.retry is not None:
        return _retry(store, _chosen(receivers, options.retry, "--retry"))
    return _show(store, receivers, as_json=options.json)


def made(settings: Settings, store: Store, rules: Sequence[Rule]) -> Notifiers:
    """Those who are to be told of the alerts of rules.

    Raises:
        ConfigError: a section of a notifier is wrong; says where.

    """
    from siemstress.notify.notifiers import Notifiers
    from siemstress.notify.settings import read_receivers

    receivers = read_receivers(settings.notifiers)
    for warning in dict.fromkeys(text for r in receivers for text in r.warnings):
        say(f"siemtrigger: {warning}")
    tables = dict.fromkeys(rule.out_table for rule in rules)
    return Notifiers(store, receivers, list(tables), lambda text: say(f"siemtrigger: {text}"))


def mistakes(settings: Settings) -> list[str]:
    """What is wrong with the sections of notifiers, a line each."""
    from siemstress.errors import ConfigError
    from siemstress.notify.settings import read_receiver

    found = []
    for keys in settings.notifiers:
        try:
            read_receiver(keys)
        except ConfigError as e:
            found.append(str(e))
    return found


def _chosen(receivers: Sequence[Receiver], name: str, flag: str) -> list[Receiver]:
    found = [r for r in receivers if not name or r.name.lower() == name.lower()]
    if not found:
        there = ", ".join(r.name for r in receivers)
        hint = f"there are: {there}" if there else "siemtrigger.conf has no [notify NAME]"
        raise QueryError(f"there is no such notifier; {hint}", key=flag)
    return found


def _test(receivers: Sequence[Receiver]) -> int:
    from siemstress.errors import SiemstressError
    from siemstress.notify.message import of_test
    from siemstress.render.text import visible

    failed = 0
    for receiver in receivers:
        notifier = receiver.make()
        try:
            notifier.test(of_test(receiver.name))
            print(visible(f"{receiver.name}\t{receiver.kind.name}\tsent"))
        except SiemstressError as e:
            failed += 1
            print(visible(f"{receiver.name}\t{receiver.kind.name}\tfailed\t{e.message}"))
        finally:
            notifier.close()
    return 1 if failed else 0


def _retry(store: Store, receivers: Sequence[Receiver]) -> int:
    from siemstress.notify.notifiers import Notifiers
    from siemstress.rules.alert_states import tables_of

    tables = tables_of(store)
    found = Notifiers(store, receivers, tables, lambda text: say(f"siemtrigger: {text}"))
    try:
        count = found.retry()
        say(f"siemtrigger: {count} {'message is' if count == 1 else 'messages are'} sent again")
        return 0 if found.finish() else 1
    finally:
        found.close()


def _show(store: Store, receivers: Sequence[Receiver], *, as_json: bool) -> int:
    from siemstress.commands import siemtrigger_shown as shown
    from siemstress.notify.report import report

    found = report(store, {r.name: r.kind.name for r in receivers})
    if as_json:
        from siemstress.render.text import visible_json

        rows = [shown.plain(row) for row in found.iter_rows(named=True)]
        print(visible_json(json.dumps(rows, indent=2, ensure_ascii=False)))
    elif not len(found):
        say("siemtrigger: nobody is told; siemtrigger.conf has no [notify NAME]")
    elif sys.stdout.isatty():
        shown.table(found, None)
    else:
        shown.tabs(found)
    return 0
