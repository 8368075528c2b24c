"""siemtrigger: raise alerts where rules say so."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from siemstress.commands import siemtrigger_alerts as alerts
from siemstress.commands import siemtrigger_history as history
from siemstress.commands import siemtrigger_notify as notify
from siemstress.commands import siemtrigger_test as samples
from siemstress.commands import siemtrigger_why as reasons
from siemstress.commands.command import Parser, run, say
from siemstress.commands.siemtrigger_actions import Action, Actions
from siemstress.commands.siemtrigger_watch import watch
from siemstress.errors import RuleError

if TYPE_CHECKING:
    from siemstress.rules.gather import Gathered
    from siemstress.rules.model import Rule
    from siemstress.store.base import Store

PROG = "siemtrigger"
ACTIONS: Sequence[Callable[[Actions], object]] = (
    alerts.add_to,
    reasons.add_to,
    samples.add_to,
    notify.add_to,
)
"""What adds each action, in the order of the help."""
_ALONE = ("oneshot", "check", "rules", "backtest", "gaps", "poll")
EXAMPLES = """\
  siemtrigger                             watch for ever, by siemtrigger.conf or the shipped rules
  siemtrigger --oneshot                   look once at all that is new, then exit
  siemtrigger -c siemtrigger.conf --check  say what is wrong with which rule
  siemtrigger --rules                     list the rules
  siemtrigger --backtest 30d --rule 'ssh*'  what these rules find in the last 30 days
  siemtrigger alerts                      show the alerts"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    return run(PROG, _main, arguments)


def _main(arguments: list[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    alone = [name for name in _ALONE if getattr(options, name)]
    if options.action is not None and alone:
        parser.error(f"--{alone[0]} does not go with an ACTION")
    from siemstress.rules import settings
    from siemstress.store.opening import open_store

    found = settings.load(options.config)
    for warning in found.warnings:
        say(f"{PROG}: {warning}")
    store = open_store(found.config)
    try:
        if options.action is not None:
            act: Action = options.action
            return act(found, store, options)
        from siemstress.rules.gather import gather

        gathered = gather(found, store)
        if options.check:
            return _check(gathered, notify.mistakes(found))
        for problem in gathered.problems:
            say(f"{PROG}: {problem}")
        if options.rules and (gathered.rules or gathered.disabled):
            return _list(gathered.rules, gathered.disabled)
        if not gathered.rules:
            raise RuleError("there is no rule to watch by", file=found.path)
        if options.backtest or options.gaps:
            return _look_back(store, history.chosen(gathered.rules, options.rule), options)
        return watch(found, store, history.chosen(gathered.rules, options.rule), options)
    finally:
        store.close()


def _parser() -> Parser:
    parser = Parser(PROG, "Raise alerts where the rules say so.", EXAMPLES)
    parser.add_argument(
        "--oneshot", action="store_true", help="evaluate what is new once, then exit"
    )
    parser.add_argument(
        "--check", action="store_true", help="validate all rules and say what is wrong with which"
    )
    parser.add_argument("--rules", action="store_true", help="list the rules")
    parser.add_argument(
        "--poll",
        type=_seconds,
        metavar="SECONDS",
        help="least time between looks at the store (default: 0.25, or what the config says)",
    )
    history.add_flags(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print new alerts")
    parser.set_defaults(action=None)
    actions = Actions(parser)
    for add_to in ACTIONS:
        add_to(actions)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 1e6:
        raise argparse.ArgumentTypeError("must be seconds, more than 0")
    return seconds


def _check(gathered: Gathered, mistakes: Sequence[str]) -> int:
    problems = [*map(str, gathered.problems), *mistakes]
    for problem in problems:
        say(problem)
    files = gathered.files
    if not files and not gathered.stored:
        say(f"{PROG}: there is no rule file")
    places = f"{files} files and the store" if gathered.stored else f"{files} files"
    fine = f"{len(gathered.rules)} rules in {places} are fine"
    if gathered.disabled:
        fine += f", {len(gathered.disabled)} are disabled"
    wrong = len(problems)
    say(f"{fine}; mistakes: {wrong}" if wrong else fine)
    return 2 if wrong or not (files or gathered.stored) else 0


def _list(rules: Sequence[Rule], disabled: Sequence[str]) -> int:
    from siemstress.render.text import visible
    from siemstress.rules.alerts import spelled

    for rule in rules:
        over = f"more than {rule.limit} in {spelled(rule.interval)}"
        print(visible(f"{rule.name}\t{', '.join(rule.tables)} -> {rule.out_table}\t{over}"))
    for name in disabled:
        print(visible(f"{name}\tdisabled"))
    return 0


def _look_back(store: Store, rules: Sequence[Rule], options: argparse.Namespace) -> int:
    if options.gaps:
        return history.show_gaps(store, rules)
    return history.backtest(store, rules, options.backtest, commit=options.commit)
