"""The public door for formats and message tables; the built-in ones come through it as well.

An entry point names a module or a package. Of a package every module is looked at, so that a new
file is all that a new format needs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

Kind = TypeVar("Kind")


def load(group: str, kind: type[Kind]) -> Iterator[Kind]:
    """Every object of a kind in the modules that the entry points of `group` name, ours first."""
    points = sorted(entry_points(group=group), key=lambda p: (p.name != "builtin", p.name))
    for point in points:
        for module in _modules(importlib.import_module(point.value)):
            yield from (value for value in vars(module).values() if isinstance(value, kind))


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    if not hasattr(package, "__path__"):
        yield package
        return
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda i: i.name):
        yield importlib.import_module(f"{package.__name__}.{info.name}")
