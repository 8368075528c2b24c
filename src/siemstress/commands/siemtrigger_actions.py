"""siemtrigger ACTION: how actions are added to siemtrigger's flags."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from siemstress.commands.command import Parser

if TYPE_CHECKING:
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store

Action = Callable[["Settings", "Store", argparse.Namespace], int]
"""What `siemtrigger ACTION` runs; gives the exit status."""


class Actions:
    """The actions of siemtrigger's parser. Each has a module with `add_to(actions)`."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser

    def add(self, name: str, act: Action, meaning: str, examples: str) -> argparse.ArgumentParser:
        """Add an action; gives its parser, for its flags. Examples come without `siemtrigger`."""
        shown = "\n".join(f"  siemtrigger {line}" for line in examples.splitlines())
        child = self._added.add_parser(
            name, help=meaning, description=f"{meaning}.", examples=shown
        )
        for inherited in child._actions:
            if inherited.dest in ("config", "debug"):
                inherited.default = argparse.SUPPRESS  # Else it undoes what stood before ACTION.
        child.set_defaults(action=act)
        return child

    @cached_property
    def _added(self) -> argparse._SubParsersAction[Parser]:
        return self._parser.add_subparsers(title="actions", metavar="ACTION")
