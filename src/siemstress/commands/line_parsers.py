"""What reads the lines of a config's section, for the commands that do."""

from __future__ import annotations

import argparse
from functools import cache
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.errors import SiemstressError

if TYPE_CHECKING:
    from siemstress.config import Config, Section
    from siemstress.ingest.own_formats import Known
    from siemstress.ingest.parsing import LineParser
    from siemstress.rules.original import Tables
    from siemstress.store.base import Store


def line_parser(
    program: str, options: argparse.Namespace, config: Config, section: Section,
    store: Store | None,
) -> LineParser:  # fmt: skip
    """What reads lines: by the option's format or the section's, with the section's helpers.

    Helpers that a store has come along. `program` says what is not used as it is.

    Raises:
        ConfigError: there is no such format, or a helper is wrong.

    """
    from siemstress.ingest import kept_helpers
    from siemstress.ingest.parsing import LineParser

    stored: Tables = {} if store is None else kept_helpers.load(store)
    helpers, warnings = kept_helpers.of_section(config, section, stored)
    for warning in warnings:
        say(f"{program}: {warning}")
    known = usable_formats(program)
    try:
        enrichment = config.enrichment.of_section(section.name)
        return LineParser(options.parser or section.parser, helpers, enrichment, known=known)
    except SiemstressError as e:
        if options.parser is None and e.file is None:
            e.file, e.section, e.key = str(config.path), section.name, "parser"
        raise


@cache
def usable_formats(program: str) -> Known:
    """The formats; says, once, which of the user's own cannot be used."""
    from siemstress.ingest.own_formats import usable

    known = usable()
    for problem in known.problems:
        say(f"{program}: {problem}; lines are read by the other formats")
    return known
