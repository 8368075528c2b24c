"""All rules that siemtrigger works by: those of its files and those that the store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from siemstress.errors import RuleError, SiemstressError
from siemstress.rules import kept
from siemstress.rules.load import OUT_TABLE, load_rules
from siemstress.rules.model import Rule
from siemstress.rules.settings import Settings
from siemstress.rules.tables import OWN
from siemstress.store.base import Store


@dataclass(frozen=True)
class Gathered:
    """The rules that can be used, what is wrong with others, and the names of disabled ones.

    `stored` is how many rules the store keeps, `files` how many files hold rules, `others` how
    many Sigma rules are about logs that siemstress does not read.
    """

    rules: Sequence[Rule]
    problems: Sequence[SiemstressError]
    disabled: Sequence[str]
    stored: int
    files: int = 0
    others: int = 0


def gather(settings: Settings, store: Store, *, every: bool = False) -> Gathered:
    """The rules of the settings' files and of the store.

    With `every` also those that raise no alerts of their own, but are parts of others.

    Raises:
        StoreError: the store cannot be read.
        RuleError: a pipeline or a mapping cannot be read.

    """
    stored = kept.load(store)
    loaded = load_rules(settings.rule_files, settings.config.tables(), kept.given(stored))
    rules, problems = list(loaded.rules), list(loaded.problems)
    others = 0
    if settings.sigma:
        more, wrong, others = _sigma(settings, rules, every=every)
        rules += more
        problems += wrong
    return Gathered(
        rules,
        problems,
        kept.names_of_disabled(stored),
        sum(map(len, stored.values())),
        len(settings.rule_files) + len(settings.sigma),
        others,
    )


def _sigma(
    settings: Settings, others: Iterable[Rule], *, every: bool
) -> tuple[list[Rule], list[RuleError], int]:
    """The Sigma rules, what is wrong with some, and how many are about nothing that is read."""
    from siemstress.rules.sigma.cache import folder
    from siemstress.rules.sigma.load import load
    from siemstress.rules.sigma.mappings import read_mappings
    from siemstress.rules.sigma_rules import Tables, rules_of

    loaded = load(
        settings.sigma,
        pipelines=settings.pipelines,
        mappings=settings.mappings,
        cache=folder(),
    )
    outs = {OUT_TABLE, *OWN, *(rule.out_table for rule in others)}
    names = {name.lower(): table for name, table in settings.config.tables().items()}
    logs = tuple(dict.fromkeys(t for t in names.values() if t not in outs))
    rules, wrong = rules_of(
        loaded, Tables(names, logs), read_mappings(settings.mappings), every=every
    )
    taken = {rule.name for rule in others}
    fine = []
    for rule in rules:
        if rule.name in taken:
            problem = RuleError("a rule of this name is there too", file=rule.file, key=rule.name)
            wrong.append(problem)
        else:
            fine.append(rule)
    unread = sum(not rule.fires for rule in loaded.rules)
    return fine, [*loaded.problems, *wrong], unread
