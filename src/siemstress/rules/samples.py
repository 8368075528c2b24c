"""Samples of rules: what must raise an alert and what must not, in the rule's file or beside it.

Under `siemstress: samples:` of a Sigma rule, or in a file `NAME.samples.yml` beside the rule file
`NAME.yml` or `NAME.conf` by the rule's name, title or id:

    match: [SAMPLE, …]
    no_match: [SAMPLE, …]

A sample is a log line, or a mapping with `line` or `lines` (a list, or a text of several) or
`event` or `events` (values by column or field, a second apart), and, where wanted, `repeat` (how
many times all of that comes), `format`, how many `alerts` it must raise, `after` (a span that
passes after the last event), and `name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any as Anything

from siemstress.errors import RuleError
from siemstress.rules.sigma.files import SAMPLES
from siemstress.rules.sigma.reading import Wrong, known, mapping, span, text, whole

_KEYS = ("line", "lines", "event", "events", "repeat", "format", "alerts", "after", "name")
_MOST = 1_000_000


@dataclass(frozen=True)
class Sample:
    """Log lines, or events, and how many alerts they raise: `alerts`, or any (None).

    `after` (µs) is how much time passes after the last event; None: none.
    """

    rule: str
    name: str
    lines: tuple[str, ...] = ()
    events: tuple[Mapping[str, Anything], ...] = ()
    format: str = "auto"
    alerts: int | None = None
    after: int | None = None


def samples_of(rule: str, value: Anything) -> list[Sample]:
    """The samples of a rule, as its file has them.

    Raises:
        Wrong: something is not as it must be.

    """
    given = mapping(value, "samples")
    known(given, ("match", "no_match"), "samples")
    found: list[Sample] = []
    for kind in ("match", "no_match"):
        some = given.get(kind, [])
        for number, one in enumerate(some if isinstance(some, list) else [some], 1):
            place = f"{kind} {number}"
            found.append(_sample(rule, place, one, none=kind == "no_match"))
    return found


def beside(files: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Anything]]]:
    """The sample files beside some rule files, and what they say by rule.

    Raises:
        RuleError: one cannot be read.

    """
    import yaml

    for file in dict.fromkeys(files):
        for ending in (".yml", ".yaml"):
            path = file.with_name(f"{file.stem}{SAMPLES}{ending}")
            if not path.is_file():
                continue
            try:
                found = yaml.safe_load(path.read_bytes())
            except (OSError, yaml.YAMLError, ValueError, RecursionError) as e:
                raise RuleError(
                    f"is no YAML: {' '.join(str(e).split())[:200]}", file=path
                ) from None
            try:
                yield path, dict(mapping({} if found is None else found, "a file of samples"))
            except Wrong as e:
                raise RuleError(str(e), file=path) from None


def _sample(rule: str, place: str, value: Anything, *, none: bool) -> Sample:
    if isinstance(value, str):
        value = {"line": value}
    given = mapping(value, place)
    known(given, _KEYS, place)
    lines: list[str] = []
    if "line" in given:
        lines.append(_line(given["line"], place))
    several = given.get("lines", ())
    lines += (
        several.splitlines() if isinstance(several, str) else [_line(x, place) for x in several]
    )
    events = [mapping(given["event"], f"{place}: event")] if "event" in given else []
    events += [mapping(one, f"{place}: events") for one in _list(given.get("events", []), place)]
    repeat = whole(given.get("repeat", 1), f"{place}: repeat", 1, 100_000)
    if not lines and not events:
        raise Wrong(f"{place} has no line and no event")
    alerts = 0 if none else None
    if "alerts" in given:
        alerts = whole(given["alerts"], f"{place}: alerts", 0, _MOST)
    return Sample(
        rule=rule,
        name=text(given.get("name", place), f"{place}: name"),
        lines=tuple(lines) * repeat,
        events=tuple(events) * repeat,
        format=text(given.get("format", "auto"), f"{place}: format"),
        alerts=alerts,
        after=span(given["after"], f"{place}: after") if "after" in given else None,
    )


def _line(value: Anything, place: str) -> str:
    if not isinstance(value, str):
        raise Wrong(f"{place}: a line must be a text")
    return value


def _list(value: Anything, place: str) -> list[Anything]:
    if not isinstance(value, list):
        raise Wrong(f"{place}: events must be a list")
    return value
