"""Where the lines of a batch come from, when that is not all one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from siemstress.sources.headings import Heading
from siemstress.sources.lines import Ints


@dataclass(frozen=True)
class Origins:
    """Runs of lines that have one origin each, in the order of the lines.

    `names` are the origins of the runs (None: unknown), `counts` their numbers of lines, and
    `headings` what each origin has said before its run.
    """

    names: Sequence[str | None]
    counts: Ints
    headings: Sequence[Heading | None] = ()

    @cached_property
    def distinct(self) -> list[str]:
        """The known origins, each once."""
        return list(dict.fromkeys(name for name in self.names if name is not None))

    @cached_property
    def numbers(self) -> Ints:
        """For every line its origin's place in `distinct`; -1 where that is unknown."""
        places: dict[str | None, int] = {name: i for i, name in enumerate(self.distinct)}
        of_runs = np.array([places.get(name, -1) for name in self.names], np.int64)
        return np.repeat(of_runs, self.counts)

    @cached_property
    def runs(self) -> Ints:
        """For every line the number of its run."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def only(self) -> str | None:
        """The one known origin, where there is but one."""
        return self.distinct[0] if self.is_one and self.distinct else None

    @property
    def is_one(self) -> bool:
        """Whether all lines come from one origin."""
        return len(set(self.names)) <= 1
