"""siemtrigger's main job: look at what is new once, or whenever something has come."""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from siemstress.commands import siemtrigger_history as history
from siemstress.commands import siemtrigger_notify as notify
from siemstress.commands.command import Terminated, say
from siemstress.errors import Failure

if TYPE_CHECKING:
    from siemstress.ingest.patience import Patience
    from siemstress.notify.notifiers import Notifiers
    from siemstress.rules.engine import Engine, Raised
    from siemstress.rules.model import Rule
    from siemstress.rules.reloading import Reloader
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Claim, Store
    from siemstress.store.retention import Retention

_PROG = "siemtrigger"
# Seconds: without anything new there is a look as often, for rules that depend on the time.
_SELDOM = 1.0
# Between two tries of one that stands by.
_STANDING_BY = 0.5
# The rest after a look, as a share of the time that it took: others want to work, too.
_REST = 0.3


def watch(
    settings: Settings, store: Store, rules: Sequence[Rule], options: argparse.Namespace
) -> int:
    """Raise alerts, by `options` once or until a signal comes; the exit status."""
    watcher = _Watcher(settings, store, rules, options)
    try:
        return watcher.once() if options.oneshot else watcher.for_ever()
    finally:
        watcher.close()


class _Watcher:
    """Looks at what is new, tells of alerts, and keeps house between looks."""

    def __init__(
        self, settings: Settings, store: Store, rules: Sequence[Rule], options: argparse.Namespace
    ) -> None:
        self._settings = settings
        self._store = store
        self._options = options
        self._poll: float = options.poll or settings.poll
        self._claim: Claim | None = None
        self._stands_by = False
        self._use(rules)
        self._retention = _retention(settings, store, rules, quiet=options.quiet)
        self._notifiers: Notifiers = notify.made(settings, store, rules)

    def close(self) -> None:
        """Stop telling of alerts, and let others watch."""
        self._notifiers.close()
        self._leave()

    def once(self) -> int:
        """Look once; the exit status."""
        raised = self._engine.run(save=True)
        self._tell(raised)
        _say(f"{self._rules} rules, {raised.count} new alerts")
        told = self._notifiers.look(save=True) and self._notifiers.finish()
        self._retention.look()
        return 0 if told and not self._engine.failed_rules else 1

    def for_ever(self) -> int:
        """Look again and again until a signal comes; failures are waited out, if it worked once."""
        from siemstress.ingest.patience import Patience
        from siemstress.rules.reloading import Reloader

        patience = Patience(_say, kinds=Failure)
        reloader = Reloader(self._options.config, self._store, self._settings, _say)
        try:
            while True:
                if not patience.attempt(self._is_at_work):
                    time.sleep(max(self._poll, _STANDING_BY))
                    self._reload(patience, reloader)
                    continue
                seen = patience.attempt(self._pulse)
                began = time.monotonic()
                self._tell(patience.attempt(self._engine.run))
                self._notifiers.look()
                self._retention.look()
                time.sleep(max(self._poll, _REST * (time.monotonic() - began)))
                until = time.monotonic() + _SELDOM - self._poll
                while time.monotonic() < until and patience.attempt(self._pulse) == seen:
                    time.sleep(self._poll)
                self._reload(patience, reloader)
        except (KeyboardInterrupt, Terminated):
            if not patience.gave_up and not self._stands_by:
                self._engine.save()
            return 0

    def _use(self, rules: Sequence[Rule]) -> None:
        from siemstress.rules.engine import Engine

        self._engine: Engine = Engine(self._store, rules, _say)
        self._rules = len(rules)
        self._tables = sorted({table for rule in rules for table in rule.tables})
        # Who has other rules, or tells others, has other work.
        told = sorted(repr(keys) for keys in self._settings.notifiers)
        work = repr((sorted(rule.member for rule in rules), told))
        self._name = f"siemtrigger-{hashlib.sha256(work.encode()).hexdigest()[:16]}"

    def _pulse(self) -> object:
        return self._store.pulse(self._tables)

    def _is_at_work(self) -> bool:
        """Whether no other siemtrigger does the same; tells where that changes."""
        if self._claim is not None and self._claim.held():
            return True
        self._leave()
        self._claim = self._store.claim(self._name)
        stood_by, self._stands_by = self._stands_by, self._claim is None
        if self._stands_by and not stood_by:
            _say("another siemtrigger watches by the same rules; standing by")
        if stood_by and not self._stands_by:
            _say("no other siemtrigger watches by these rules any more; watching")
        return not self._stands_by

    def _leave(self) -> None:
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def _reload(self, patience: Patience, reloader: Reloader) -> None:
        """Go on with other rules, where they have changed."""
        gathered = patience.attempt(reloader.look)
        if gathered is None:
            return
        if not self._stands_by:
            patience.attempt(self._engine.save)
        for problem in gathered.problems:
            _say(str(problem))
        some = history.chosen(gathered.rules, self._options.rule) if gathered.rules else []
        _say(f"rules have changed: {len(some)} now")
        self._notifiers.watch(rule.out_table for rule in some)
        self._leave()
        self._use(some)

    def _tell(self, raised: Raised) -> None:
        if self._options.quiet:
            return
        for alert in sorted(raised.alerts, key=lambda a: (a.time, a.rule.name, a.id)):
            text = " ".join(alert.message.split())
            say(f"{alert.time:%Y-%m-%d %H:%M:%S} [{alert.rule.name}] {text}")
        untold = raised.count - len(raised.alerts)
        if untold:
            _say(f"and {untold} more")


def _retention(
    settings: Settings, store: Store, rules: Sequence[Rule], *, quiet: bool
) -> Retention:
    """What deletes old alerts, and what is known of them, now and then; events are siemparse's."""
    from siemstress.rules.keeping import kept
    from siemstress.store.retention import Retention

    def told(text: str) -> None:
        if not quiet:
            _say(text)

    limits = kept(list(settings.config.sections.values()), rules)
    return Retention(store, limits, told, _say)


def _say(text: str) -> None:
    say(f"{_PROG}: {text}")
