"""Sigma rules from files, folders and .zip archives.

Rules are YAML documents; a file may hold several. What is wrong with one keeps no other from
being read. What was read is kept, so that the next start reads only what has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any as Anything

from siemstress.errors import RuleError
from siemstress.rules.sigma.cache import Cache
from siemstress.rules.sigma.correlations import with_list
from siemstress.rules.sigma.files import rule_files
from siemstress.rules.sigma.mappings import read_logs, read_mappings
from siemstress.rules.sigma.pipelines import Pipelines
from siemstress.rules.sigma.reading import Wrong
from siemstress.rules.sigma.rule import Correlation, Loaded, Sigma

if TYPE_CHECKING:
    from siemstress.rules.sigma.documents import Document, Reader


@dataclass
class OfFile:
    """What one file says. `filters` are the documents of filters, which change other rules."""

    rules: list[Sigma | Correlation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    filters: list[Anything] = field(default_factory=list)


def load(
    paths: Sequence[Path],
    *,
    more: Iterable[tuple[str, bytes]] = (),
    pipelines: Sequence[Path] = (),
    mappings: Sequence[Path] = (),
    cache: Path | None = None,
) -> Loaded:
    """All rules at some paths, in the order of their names, and in `more` files (name, content).

    `pipelines` are pySigma's, as YAML; `mappings` say where fields stand (docs/sigma.md). With a
    `cache` folder what was read is kept there.

    Raises:
        RuleError: there is nothing at a path, or a pipeline or mapping cannot be read.

    """
    problems: list[RuleError] = []
    files = dict([*rule_files(paths, problems.append), *more])
    context = _Context(pipelines, mappings)
    kept = Cache(cache, repr((context.digest, list(map(str, paths)))))
    found = {name: kept.of(name, text) for name, text in files.items()}
    parsed: dict[str, list[Document]] = {}
    for name, text in files.items():
        if found[name] is None:
            parsed[name], found[name] = context.parsed(text)
    filters = [one for of in found.values() if of is not None for one in of.filters]
    kept.filtered_by(filters)
    for name, text in files.items():
        of = kept.under_filters(name, text) if name not in parsed else None
        if of is None:
            documents, of = (
                (parsed.get(name), found[name]) if name in parsed else context.parsed(text)
            )
            assert documents is not None and of is not None  # noqa: S101, PT018 - just parsed
            context.read(documents, name, of, filters)
            kept.keep(name, text, of)
        found[name] = of
    kept.save()
    for name, of in found.items():
        problems += [RuleError(text, file=name) for text in of.problems] if of else []
    rules = list(_usable((r for of in found.values() if of for r in of.rules), problems.append))
    return Loaded(
        tuple(rule for rule in rules if isinstance(rule, Sigma)),
        tuple(problems),
        tuple(rule for rule in rules if isinstance(rule, Correlation)),
    )


def _usable(
    rules: Iterable[Sigma | Correlation], wrong: Callable[[RuleError], None]
) -> Iterator[Sigma | Correlation]:
    """The rules, each id once, with what they read besides."""
    files: dict[str, str] = {}
    for rule in rules:
        about = rule.about
        if about.id and files.setdefault(about.id, about.file) != about.file:
            wrong(RuleError(f"a rule of this id is in {files[about.id]} too", file=about.file))
            continue
        if isinstance(rule, Correlation):
            try:
                yield with_list(rule)
            except Wrong as e:
                wrong(RuleError(str(e), file=about.file))
            continue
        yield rule


class _Context:
    """What changes the meaning of all rules; pySigma is imported where one must be read."""

    def __init__(self, pipelines: Sequence[Path], mappings: Sequence[Path]) -> None:
        self._pipelines = Pipelines(pipelines)
        self._places = read_mappings(mappings)
        self._logs = read_logs(mappings)
        self._reader: Reader | None = None
        said = (self._pipelines.texts, self._places, self._logs)
        self.digest = hashlib.sha256(repr(said).encode(errors="replace")).hexdigest()

    def parsed(self, text: bytes) -> tuple[list[Document], OfFile]:
        """The documents of a file but filters, and a result with these and what is wrong."""
        from siemstress.rules.sigma import documents

        of = OfFile()
        try:
            everything = documents.parsed(text)
        except Wrong as e:
            of.problems.append(documents.line_of(e))
            return [], of
        rules = []
        for document in documents.merged(everything, of.problems.append):
            if "filter" not in document:
                rules.append(document)
                continue
            try:
                documents.filter_of(document)
            except documents.MISTAKES as e:
                of.problems.append(documents.line_of(e))
            else:
                of.filters.append(document)
        return rules, of

    def read(
        self, found: Iterable[Document], name: str, of: OfFile, filters: Sequence[Anything]
    ) -> None:
        """Add the rules of some documents to a result."""
        from siemstress.rules.sigma import documents

        if self._reader is None:
            made = [documents.filter_of(one) for one in filters]
            self._reader = documents.Reader(made, self._pipelines.made(), self._places, self._logs)
        for document in found:
            try:
                of.rules.append(self._reader.rule(document, name))
            except documents.MISTAKES as e:
                of.problems.append(documents.line_of(e))
