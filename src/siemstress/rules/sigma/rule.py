"""Sigma rules as they are loaded: detections of single events, and correlations of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any as Anything

from siemstress.errors import RuleError
from siemstress.rules.episodes.model import Kind
from siemstress.rules.sigma.condition import Condition
from siemstress.rules.sigma.taxonomy import LogSource


@dataclass(frozen=True)
class Own:
    """What a rule says under the key `siemstress`; None and empty: nothing.

    `group_by` are fields, in Sigma's names or ours; `suppress` is in µs; `section` are kinds of
    log; `samples` are as the file has them.
    """

    group_by: tuple[str, ...] | None = None
    suppress: int = 0
    message: str = ""
    out_table: str = ""
    severity: int | None = None
    magnitude: int | None = None
    section: tuple[str, ...] = ()
    samples: Anything = None


@dataclass(frozen=True)
class About:
    """What a rule says of itself. `file` is where it stands, `name` what other rules call it."""

    id: str
    title: str
    name: str
    file: str
    level: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    author: str = ""
    references: tuple[str, ...] = ()
    falsepositives: tuple[str, ...] = ()
    date: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that other rules may call it."""
        return tuple(name for name in (self.id, self.name) if name)


@dataclass(frozen=True)
class Sigma:
    """A rule for single events. `fires` says whether any log that siemstress reads can have such
    events; `condition` holds for those of its log source that it is about."""

    about: About
    source: LogSource
    condition: Condition
    fires: bool
    own: Own = Own()

    @property
    def title(self) -> str:
        """The rule's title."""
        return self.about.title


@dataclass(frozen=True)
class Correlation:
    """A rule about the events, or the alerts, of others within a time.

    `rules` are their names or ids; without any, `among` holds for the events that it is about.
    `aliases` says for each alias and rule which field is meant. `span` is in µs, `fields` are
    those whose values are counted. `list_file`, beside the rule's own, lists expected groups.
    """

    about: About
    kind: Kind
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    span: int
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    generate: bool = False
    among: Sigma | None = None
    list_file: str = ""
    own: Own = Own()

    @property
    def title(self) -> str:
        """The rule's title."""
        return self.about.title


@dataclass(frozen=True)
class Loaded:
    """The rules that can be used, and what is wrong with others."""

    rules: tuple[Sigma, ...]
    problems: tuple[RuleError, ...]
    correlations: tuple[Correlation, ...] = ()
