"""All rules that siemtrigger works by: those of its files and those that the store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from siemstress.errors import RuleError, SiemstressError
from siemstress.rules import kept, ruleset
from siemstress.rules.load import OUT_TABLE, load_rules
from siemstress.rules.model import Rule
from siemstress.rules.ruleset import Named, State
from siemstress.rules.settings import Settings
from siemstress.rules.sigma.rule import Correlation, Loaded, Sigma
from siemstress.rules.sigma_rules import Tables, rules_of
from siemstress.rules.tables import OWN
from siemstress.store.base import Store


@dataclass(frozen=True)
class Gathered:
    """The rules that can be used, what is wrong with others, and the names of disabled ones.

    `stored` is how many rules the store keeps, `files` how many files hold rules, `others` how
    many Sigma rules are about logs that siemstress does not read. `known` are all rules that can
    be read, disabled ones and such as are about no such logs as well, each with what it is chosen
    by; `logs` are the tables of events.
    """

    rules: Sequence[Rule]
    problems: Sequence[SiemstressError]
    disabled: Sequence[str]
    stored: int
    files: int = 0
    others: int = 0
    known: Sequence[Known] = field(default=(), repr=False)
    logs: Sequence[str] = ()


@dataclass(frozen=True)
class Known:
    """A rule that can be read: how it is called, if it is on, and what was made of it.

    `rule` is None where nothing that siemstress reads can have such events, or it raises no alerts
    of its own; `sigma` is what was loaded of one of Sigma's.
    """

    named: Named
    enabled: bool
    rule: Rule | None = None
    sigma: Sigma | Correlation | None = None


def gather(settings: Settings, store: Store, *, every: bool = False) -> Gathered:
    """The rules of the settings' files and of the store.

    With `every` also those that are disabled, and those that raise no alerts of their own, but are
    parts of others.

    Raises:
        StoreError: the store cannot be read.
        RuleError: a pipeline or a mapping cannot be read.

    """
    state = State.load(store)
    stored = kept.load(store)
    loaded = load_rules(settings.rule_files, settings.config.tables(), kept.given(stored))
    rules, problems = list(loaded.rules), list(loaded.problems)
    outs = {OUT_TABLE, *OWN, *(rule.out_table for rule in rules)}
    names = {name.lower(): table for name, table in settings.config.tables().items()}
    logs = tuple(dict.fromkeys(t for t in names.values() if t not in outs))
    more = ruleset.stored_sigma(store)
    sigma = Loaded((), ())
    if settings.sigma or more:
        sigma, found, wrong = _sigma(settings, more, Tables(names, logs), rules, every=every)
        rules += found
        problems += wrong
    known = _known(rules, sigma, state)
    usable = [one.rule for one in known if one.rule is not None and (every or one.enabled)]
    off = [one.named.name for one in known if not one.enabled and one.rule is not None]
    return Gathered(
        usable,
        problems,
        [*kept.names_of_disabled(stored), *off],
        sum(map(len, stored.values())) + len(more),
        len(settings.rule_files) + len(settings.sigma),
        sum(not rule.fires for rule in sigma.rules),
        known,
        logs,
    )


def _sigma(
    settings: Settings,
    more: Sequence[tuple[str, bytes]],
    tables: Tables,
    others: Iterable[Rule],
    *,
    every: bool,
) -> tuple[Loaded, list[Rule], list[RuleError]]:
    """The Sigma rules as they were loaded and as the engine's, and what is wrong with some."""
    from siemstress.rules.sigma.cache import folder
    from siemstress.rules.sigma.load import load
    from siemstress.rules.sigma.mappings import read_mappings

    loaded = load(
        settings.sigma,
        more=more,
        pipelines=settings.pipelines,
        mappings=settings.mappings,
        cache=folder(),
    )
    rules, wrong = rules_of(loaded, tables, read_mappings(settings.mappings), every=every)
    taken = {rule.name for rule in others}
    fine = []
    for rule in rules:
        if rule.name in taken:
            problem = RuleError("a rule of this name is there too", file=rule.file, key=rule.name)
            wrong.append(problem)
        else:
            fine.append(rule)
    return loaded, fine, [*loaded.problems, *wrong]


def _known(rules: Sequence[Rule], sigma: Loaded, state: State) -> list[Known]:
    """All rules, those of Sigma's that came to nothing last."""
    left: dict[tuple[str, str, str], Sigma | Correlation] = {}
    loaded: list[Sigma | Correlation] = [*sigma.rules, *sigma.correlations]
    for one in loaded:
        left[str(Path(one.about.file)), one.about.title, one.about.id] = one
    found = []
    for rule in rules:
        of = left.pop((str(rule.file), rule.title, rule.id), None)
        name = ruleset.named(rule, of)
        found.append(Known(name, not state.disabled(name), rule, of))
    for of in left.values():
        name = ruleset.named_of(of)
        found.append(Known(name, not state.disabled(name), None, of))
    return found
