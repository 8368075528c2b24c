"""siemtrigger: raise alerts where rules say so."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from siemstress.commands import siemtrigger_alerts as alerts
from siemstress.commands import siemtrigger_history as history
from siemstress.commands import siemtrigger_notify as notify
from siemstress.commands import siemtrigger_test as samples
from siemstress.commands import siemtrigger_why as reasons
from siemstress.commands.command import Parser, Terminated, run, say
from siemstress.commands.siemtrigger_actions import Action, Actions
from siemstress.errors import Failure, RuleError

if TYPE_CHECKING:
    from siemstress.rules.engine import Engine, Raised
    from siemstress.rules.gather import Gathered
    from siemstress.rules.model import Rule
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store
    from siemstress.store.retention import Retention

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
        return _watch(found, store, history.chosen(gathered.rules, options.rule), options)
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
        help="time between looks at the store (default: 1, or what the config says)",
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


def _watch(
    settings: Settings, store: Store, rules: Sequence[Rule], options: argparse.Namespace
) -> int:
    from siemstress.rules.engine import Engine
    from siemstress.rules.reloading import Reloader

    engine = Engine(store, rules, lambda text: say(f"{PROG}: {text}"))
    retention = _retention(settings, store, rules, quiet=options.quiet)
    notifiers = notify.made(settings, store, rules)
    try:
        if options.oneshot:
            raised = engine.run(save=True)
            _tell(raised, quiet=options.quiet)
            say(f"{PROG}: {len(rules)} rules, {raised.count} new alerts")
            told = notifiers.look(save=True) and notifiers.finish()
            retention.look()
            return 0 if told and not engine.failed_rules else 1
        reloader = Reloader(options.config, store, settings, lambda text: say(f"{PROG}: {text}"))

        def again() -> Engine | None:
            """The engine for rules that have changed; None where they have not."""
            gathered = reloader.look()
            if gathered is None:
                return None
            for problem in gathered.problems:
                say(f"{PROG}: {problem}")
            some = history.chosen(gathered.rules, options.rule) if gathered.rules else []
            say(f"{PROG}: rules have changed: {len(some)} now")
            notifiers.watch(rule.out_table for rule in some)
            return Engine(store, some, lambda text: say(f"{PROG}: {text}"))

        def between() -> None:
            notifiers.look()
            retention.look()

        poll = options.poll or settings.poll
        return _for_ever(engine, between, poll, again, quiet=options.quiet)
    finally:
        notifiers.close()


def _retention(
    settings: Settings, store: Store, rules: Sequence[Rule], *, quiet: bool
) -> Retention:
    """What deletes old alerts, and what is known of them, now and then; events are siemparse's."""
    from siemstress.rules.keeping import kept
    from siemstress.store.retention import Retention

    def told(text: str) -> None:
        if not quiet:
            say(f"{PROG}: {text}")

    limits = kept(list(settings.config.sections.values()), rules)
    return Retention(store, limits, told, lambda text: say(f"{PROG}: {text}"))


def _for_ever(
    engine: Engine,
    between: Callable[[], None],
    poll: float,
    again: Callable[[], Engine | None],
    *,
    quiet: bool,
) -> int:
    """Look again and again until a signal comes; failures are waited out, if it worked once."""
    from siemstress.ingest.patience import Patience

    patience = Patience(lambda text: say(f"{PROG}: {text}"), kinds=Failure)
    try:
        while True:
            _tell(patience.attempt(engine.run), quiet=quiet)
            between()
            time.sleep(poll)
            if changed := patience.attempt(again):
                engine.save()
                engine = changed
    except (KeyboardInterrupt, Terminated):
        if not patience.gave_up:
            engine.save()
        return 0


def _tell(raised: Raised, *, quiet: bool) -> None:
    if quiet:
        return
    for alert in sorted(raised.alerts, key=lambda a: (a.time, a.rule.name, a.id)):
        text = " ".join(alert.message.split())
        say(f"{alert.time:%Y-%m-%d %H:%M:%S} [{alert.rule.name}] {text}")
    untold = raised.count - len(raised.alerts)
    if untold:
        say(f"{PROG}: and {untold} more")
