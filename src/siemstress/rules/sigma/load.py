"""Sigma rules from files, folders and .zip archives.

Rules are YAML documents (Sigma rules specification 2.1); a file may hold several. What is wrong
with one keeps no other from being read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any as Anything

import polars as pl
import yaml
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule

from siemstress.errors import RuleError
from siemstress.formats.expression import reason
from siemstress.rules.sigma.compile import Unsupported, compiled
from siemstress.rules.sigma.condition import All, Condition, Regex, atoms
from siemstress.rules.sigma.taxonomy import LogSource, events_of, mapped

SUFFIXES = (".yml", ".yaml")
# Larger files are no rules; an archive's entry may say that it is small and not be.
_LARGEST = 1 << 20
_MOST_FILES = 100_000

_Loader: Anything = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Sigma:
    """A rule for single events. `fires` says whether any log that siemstress reads can have such
    events; `condition` holds for those of its log source that it is about."""

    id: str
    title: str
    file: str
    level: str
    status: str
    tags: tuple[str, ...]
    source: LogSource
    condition: Condition
    fires: bool


@dataclass(frozen=True)
class Loaded:
    """The rules that can be used, and what is wrong with others."""

    rules: tuple[Sigma, ...]
    problems: tuple[RuleError, ...]


def load(paths: Sequence[Path]) -> Loaded:
    """All rules at some paths, in the order of their names.

    Raises:
        RuleError: there is nothing at a path.

    """
    rules: list[Sigma] = []
    problems: list[RuleError] = []
    for name, text in _files(paths):
        try:
            documents = list(yaml.load_all(text, Loader=_Loader))
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as e:
            problems.append(RuleError(f"is no YAML: {_line(e)}", file=name))
            continue
        for document in documents:
            try:
                rule = _rule(document, name)
            except (Unsupported, SigmaError) as e:
                problems.append(RuleError(_line(e), file=name))
            else:
                rules += [] if rule is None else [rule]
    return Loaded(tuple(rules), tuple(problems))


def _rule(document: Anything, file: str) -> Sigma | None:
    """A rule of a document; None where it is of another kind, or empty.

    Raises:
        Unsupported, SigmaError: it cannot be used.

    """
    if document is None:
        return None
    if not isinstance(document, dict):
        raise Unsupported("a rule is a mapping of keys and values")
    if "correlation" in document or "filter" in document:
        raise Unsupported("correlations and filters are not evaluated yet")
    read = SigmaRule.from_dict(document)
    source = LogSource(
        *((part or "").lower() for part in (
            read.logsource.category, read.logsource.product, read.logsource.service,
        ))
    )  # fmt: skip
    among = events_of(source)
    condition = mapped(compiled(read), source)
    for atom in atoms(condition):
        if isinstance(atom.test, Regex):
            _check(atom.test)
    return Sigma(
        id=str(read.id or ""),
        title=" ".join(str(read.title).split()),
        file=file,
        level="" if read.level is None else read.level.name.lower(),
        status="" if read.status is None else read.status.name.lower(),
        tags=tuple(str(tag) for tag in read.tags),
        source=source,
        condition=condition if among is None else All((among, condition)),
        fires=among is not None,
    )


def _check(test: Regex) -> None:
    """Raises Unsupported where an expression cannot be evaluated in linear time."""
    try:
        pl.Series([""]).str.contains(test.expression)
    except pl.exceptions.PolarsError as e:
        text = f"the expression {test.pattern[:80]!r} cannot be used: {reason(e)}"
        raise Unsupported(text) from None


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of rule files."""
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
            for file in found[:_MOST_FILES]:
                yield str(file), _read(file)
        elif zipfile.is_zipfile(path):
            yield from _zipped(path)
        else:
            yield str(path), _read(path)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST + 1)
    except OSError as e:
        raise RuleError(f"cannot be read: {e.strerror}", file=file) from None
    if len(text) > _LARGEST:
        raise RuleError("is larger than 1 MB: this is no rule", file=file)
    return text


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """The rule files of an archive, which are read where they are, never unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist())[:_MOST_FILES]:
                if not name.lower().endswith(SUFFIXES):
                    continue
                with archive.open(name) as stream:
                    text = stream.read(_LARGEST + 1)
                if len(text) <= _LARGEST:
                    yield f"{path}:{name}", text
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
        raise RuleError(f"cannot be read: {_line(e)}", file=path) from None


def _line(error: Exception) -> str:
    """What is wrong, in one line."""
    return " ".join(str(error).split())
