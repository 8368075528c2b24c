"""All rules that siemtrigger works by: those of its files and those that the store keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from siemstress.errors import SiemstressError
from siemstress.rules import kept
from siemstress.rules.load import load_rules
from siemstress.rules.model import Rule
from siemstress.rules.settings import Settings
from siemstress.store.base import Store


@dataclass(frozen=True)
class Gathered:
    """The rules that can be used, what is wrong with others, and the names of disabled ones.

    `stored` is how many rules the store keeps.
    """

    rules: Sequence[Rule]
    problems: Sequence[SiemstressError]
    disabled: Sequence[str]
    stored: int


def gather(settings: Settings, store: Store) -> Gathered:
    """The rules of the settings' files and of the store.

    Raises:
        StoreError: the store cannot be read.

    """
    stored = kept.load(store)
    loaded = load_rules(settings.rule_files, settings.config.tables(), kept.given(stored))
    disabled = kept.names_of_disabled(stored)
    return Gathered(loaded.rules, loaded.problems, disabled, sum(map(len, stored.values())))
