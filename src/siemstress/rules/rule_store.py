"""Sigma rules that are added to those that a store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from siemstress.errors import RuleError
from siemstress.rules.ruleset import keep, stored
from siemstress.rules.sigma.files import rule_files
from siemstress.rules.sigma.load import load
from siemstress.rules.sigma.rule import Correlation, Sigma
from siemstress.store.base import Store


@dataclass(frozen=True)
class Added:
    """How many rules in how many files were added, how many files gave way, what is wrong."""

    rules: int
    files: int
    replaced: int
    problems: Sequence[RuleError]


def add(
    store: Store, paths: Sequence[Path], pipelines: Sequence[Path], mappings: Sequence[Path]
) -> Added:
    """Keep the rule files at some paths in which a rule can be used.

    A file takes the place of those with the same name, and of those that have a rule of its ids.

    Raises:
        RuleError: there is nothing at a path, or a pipeline or mapping cannot be read.
        StoreError: the store cannot be read or written.

    """
    problems: list[RuleError] = []
    for path in paths:
        if not path.exists():
            raise RuleError("there is no such file", file=path)
        if path.suffix == ".conf":
            raise RuleError("is no file of Sigma rules; those belong in confdir", file=path)
    files = dict(rule_files(paths, problems.append))
    # Of what stands at the paths alone: what is kept already may be about to be replaced.
    loaded = load([], more=list(files.items()), pipelines=pipelines, mappings=mappings)
    wrong = [problem for problem in loaded.problems if problem not in problems]
    rules: list[Sigma | Correlation] = [*loaded.rules, *loaded.correlations]
    ids: dict[str, set[str]] = {}
    for rule in rules:
        ids.setdefault(rule.about.file, set()).update(filter(None, (rule.about.id,)))
    filters = {name for name, text in files.items() if b"filter:" in text and name not in ids}
    broken = {str(problem.file) for problem in wrong}
    fresh = {name: files[name] for name in files if name in ids or name in filters - broken}
    if not fresh:
        return Added(0, 0, 0, [*problems, *wrong])
    old = stored(store)
    gone = _replaced(old, set().union(*ids.values()) if ids else set())
    kept = {name: text for name, text in old.items() if name not in gone}
    names = _names(fresh, paths)
    replaced = len(gone | (names.keys() & kept.keys()))
    keep(store, kept | {short: fresh[name] for short, name in names.items()})
    return Added(len(rules), len(fresh), replaced, [*problems, *wrong])


def _replaced(old: dict[str, bytes], ids: set[str]) -> set[str]:
    """The files among old ones that have a rule of these ids."""
    loaded = load([], more=list(old.items()))
    there: list[Sigma | Correlation] = [*loaded.rules, *loaded.correlations]
    return {rule.about.file for rule in there if rule.about.id and rule.about.id in ids}


def _names(fresh: dict[str, bytes], paths: Sequence[Path]) -> dict[str, str]:
    """Short names for files, and the files: their names below the paths that were given."""
    found: dict[str, str] = {}
    for name in fresh:
        short = name
        for path in paths:
            base = f"{path}:" if not path.is_dir() else f"{path}/"
            if name.startswith(base):
                short = name[len(base) :]
        if short == name:
            short = PurePath(name).name
        number, plain = 2, short
        while short in found:
            short, number = f"{number}-{plain}", number + 1
        found[short] = name
    return found
