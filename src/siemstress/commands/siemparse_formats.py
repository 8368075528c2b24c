"""siemparse --check-formats: run the samples of formats and message tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.render.text import visible

if TYPE_CHECKING:
    from siemstress.ingest.check_formats import Checked


def check_formats(options: argparse.Namespace) -> int:
    """Say what comes out of each sample otherwise than expected; 1 where something does.

    Files that cannot be used are said on standard error, and make it 2.
    """
    from siemstress.config.format_files import places
    from siemstress.ingest.check_formats import check

    paths = [Path(path) for path in (*options.check_formats, *options.files)] or None
    found = check(paths, builtin=options.builtin)
    for problem in found.problems:
        say(f"siemparse: {problem}")
    for checked in found.checked:
        _show(checked, quiet=options.quiet)
    if not found.checked and not found.problems and not options.quiet:
        looked = ", ".join(map(str, paths or places()))
        say(f"siemparse: no formats in {looked}")
    if found.problems:
        return 2
    return 1 if any(checked.differences for checked in found.checked) else 0


def _show(checked: Checked, *, quiet: bool) -> None:
    where = f" ({checked.file})" if checked.file is not None else ""
    for difference in checked.differences:
        print(visible(f"{checked.name}: {difference}{where}"))
    if not checked.differences and not quiet:
        plural = "" if checked.samples == 1 else "s"
        print(visible(f"{checked.name}: {checked.samples} sample{plural} as expected{where}"))
