"""From YAML documents to rules.

Sigma rules specification 2.1, its collections (`action: global`, `repeat`, `reset`), its filters,
and correlations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any as Anything

import polars as pl
import yaml
from sigma.exceptions import SigmaCollectionError, SigmaError
from sigma.filters import SigmaFilter
from sigma.processing.pipeline import ProcessingPipeline
from sigma.rule import SigmaRule
from sigma.rule.base import check_alias_expansion

from siemstress.formats.expression import reason
from siemstress.rules.sigma.compile import Unsupported, compiled
from siemstress.rules.sigma.condition import All, Condition, Regex, atoms, depth
from siemstress.rules.sigma.correlations import correlation
from siemstress.rules.sigma.own import own
from siemstress.rules.sigma.reading import Wrong, mapping
from siemstress.rules.sigma.rule import About, Correlation, Sigma
from siemstress.rules.sigma.taxonomy import Logs, LogSource, Places, events_of, mapped

Document = dict[str, Anything]
MISTAKES = (Wrong, Unsupported, SigmaError, RecursionError)
"""What is raised where a document is no rule that can be used."""

# Conditions that are deeper are no person's.
_DEEPEST = 100
_Loader: Anything = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Timeless(_Loader):  # type: ignore[misc] # which of the two is known when it runs
    """Reads dates as texts: a rule's are not looked at, and not every one is a date."""


_Timeless.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in some if not tag.endswith(":timestamp")]
    for first, some in _Loader.yaml_implicit_resolvers.items()
}


def parsed(text: bytes) -> list[Anything]:
    """The documents of a file.

    Raises:
        Wrong: it is no YAML, or such as only means harm.

    """
    try:
        found = list(yaml.load_all(text, Loader=_Timeless))
    except RecursionError:
        raise Wrong("is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError) as e:
        raise Wrong(f"is no YAML: {line_of(e)}") from None
    for document in found:
        try:
            check_alias_expansion(document, SigmaCollectionError, None)
        except (SigmaCollectionError, RecursionError) as e:
            raise Wrong(line_of(e)) from None
    return found


def merged(documents: Iterable[Anything], wrong: Callable[[str], None]) -> Iterator[Document]:
    """The rules among a file's documents, with what global ones say of all."""
    shared: Document = {}
    before: Document = {}
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            wrong("a rule is a mapping of keys and values")
            continue
        action = document.get("action")
        if action == "global":
            shared = {key: value for key, value in document.items() if key != "action"}
            before = shared
        elif action == "reset":
            shared = {}
        elif action == "repeat":
            before = _updated(before, document)
            yield {key: value for key, value in before.items() if key != "action"}
        elif action is not None:
            wrong(f"there is no action {str(action)[:60]!r}")
        elif "correlation" in document or "filter" in document:
            yield document
        else:
            before = _updated(document, shared)
            yield before


def _updated(base: Document, more: Document) -> Document:
    """A document with what another says, mapping by mapping."""
    found = dict(base)
    for key, value in more.items():
        there = found.get(key)
        both = isinstance(there, dict) and isinstance(value, dict)
        found[key] = _updated(there, value) if both else value  # type: ignore[arg-type] # both are
    return found


class Reader:
    """Reads documents into rules."""

    def __init__(
        self,
        filters: Sequence[SigmaFilter] = (),
        pipeline: ProcessingPipeline | None = None,
        places: Places | None = None,
        logs: Logs | None = None,
    ) -> None:
        self._filters = filters
        self._pipeline = pipeline
        self._places = places
        self._logs = logs

    def rule(self, document: Document, file: str) -> Sigma | Correlation:
        """The rule of a document.

        Raises:
            Wrong, Unsupported, SigmaError: it cannot be used.

        """
        if "correlation" not in document:
            return self._detection(document, file)
        about = _about(document, file)
        if not about.title:
            raise Wrong("title is missing")
        return correlation(document, about, self._among(document, about))

    def _detection(self, document: Document, file: str) -> Sigma:
        about = _about(document, file)
        ours = own(document.get("siemstress"))
        rest = {key: value for key, value in document.items() if key != "siemstress"}
        with _of_others():
            read = SigmaRule.from_dict(rest)
            for one in self._filters:
                read = one.apply_on_rule(read)  # type: ignore[assignment] # a rule stays one
            if self._pipeline is not None:
                self._pipeline.apply(read)
            source = _source(read.logsource)
            condition = mapped(compiled(read), source, self._places)
        if depth(condition) > _DEEPEST:
            raise Wrong(f"condition is more than {_DEEPEST} levels deep")
        for atom in atoms(condition):
            if isinstance(atom.test, Regex):
                _check(atom.test)
        among = events_of(source, self._logs)
        return Sigma(
            about=about,
            source=source,
            condition=condition if among is None else All((among, condition)),
            fires=among is not None,
            own=ours,
        )

    def _among(self, document: Document, about: About) -> Sigma | None:
        """The events that a correlation without rules is about."""
        if document["correlation"].get("rules") if isinstance(document["correlation"], dict) else 1:
            return None
        if "detection" in document:
            rest = {k: v for k, v in document.items() if k != "correlation"}
            return self._detection(rest, about.file)
        if "logsource" not in document:
            everything: Condition = All(())
            return Sigma(about, LogSource(), everything, fires=True)
        given = mapping(document["logsource"], "logsource")
        source = LogSource(
            *(str(given.get(key) or "").lower() for key in ("category", "product", "service"))
        )
        among = events_of(source, self._logs)
        return Sigma(about, source, among or All(()), fires=among is not None)


@contextmanager
def _of_others() -> Iterator[None]:
    """Make a complaint of what pySigma lets go by, and then stumbles over."""
    try:
        yield
    except (Wrong, Unsupported, SigmaError):
        raise
    except (TypeError, AttributeError, ValueError, LookupError, ArithmeticError) as e:
        raise Wrong(f"cannot be read as a rule: {line_of(e)}") from None


def _source(given: Anything) -> LogSource:
    parts = (given.category, given.product, given.service)
    return LogSource(*((part or "").lower() for part in parts))


def _about(document: Document, file: str) -> About:
    def one(key: str) -> str:
        value = document.get(key)
        return "" if value is None else " ".join(str(value).split())

    def several(key: str) -> tuple[str, ...]:
        value = document.get(key) or ()
        some = value if isinstance(value, list | tuple) else [value]
        return tuple(" ".join(str(part).split()) for part in some)

    return About(
        id=one("id"),
        title=one("title"),
        name=one("name"),
        file=file,
        level=one("level").lower(),
        status=one("status").lower(),
        tags=several("tags"),
        description=one("description"),
        author=one("author"),
        references=several("references"),
        falsepositives=several("falsepositives"),
        date=one("date"),
    )


def _check(test: Regex) -> None:
    """Raises Unsupported where an expression cannot be evaluated in linear time."""
    try:
        pl.Series([""]).str.contains(test.expression)
    except pl.exceptions.PolarsError as e:
        text = f"the expression {test.pattern[:80]!r} cannot be used: {reason(e)}"
        raise Unsupported(text) from None


def line_of(error: Exception) -> str:
    """What is wrong, in one line."""
    if isinstance(error, RecursionError):
        return "is nested too deeply"
    return " ".join(str(error).split())[:500] or type(error).__name__


def filter_of(document: Mapping[str, Anything]) -> SigmaFilter:
    """The filter of a document.

    Raises:
        Wrong, SigmaError: it is none.

    """
    with _of_others():
        return SigmaFilter.from_dict(dict(document))
