"""siemmanage: what an operator does with the store now and then."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from siemstress.commands import siemmanage_exchange as exchange
from siemstress.commands import siemmanage_expire as expiry
from siemstress.commands import siemmanage_import as importing
from siemstress.commands import siemmanage_lists as lists
from siemstress.commands import siemmanage_reparse as reparsing
from siemstress.commands import siemmanage_rules as rules
from siemstress.commands import siemmanage_tables as tables
from siemstress.commands import siemmanage_verify as verifying
from siemstress.commands.command import Parser, run, say
from siemstress.config import load
from siemstress.store.opening import open_store

EXAMPLES = """\
  siemmanage status
  siemmanage sections
  siemmanage compact -s auth
  siemmanage reparse -s auth --last 30d
  siemmanage clear -s auth --force
  siemmanage --importrules rules.json"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit status."""
    return run("siemmanage", _main, arguments)


def _main(arguments: list[str]) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    action = exchange.wanted(options)
    if action is None and options.action is None:
        parser.error("an ACTION is missing")
    if action is not None and options.action is not None:
        parser.error("an ACTION does not go with what imports or exports rules or helpers")
    config = load(options.config)
    for warning in config.warnings:
        say(f"siemmanage: {warning}")
    store = open_store(config)
    try:
        run_it: exchange.Action = action or options.action
        return run_it(config, store, options)
    finally:
        store.close()


def _parser() -> Parser:
    parser = Parser("siemmanage", "Look after the store.", EXAMPLES)
    exchange.add_flags(parser)
    parser.set_defaults(action=None)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    def action(
        name: str, function: Callable[..., int], meaning: str, example: str, *, section: str
    ) -> argparse.ArgumentParser:
        child = actions.add_parser(
            name, help=meaning, description=f"{meaning}.", examples=f"  siemmanage {example}"
        )
        for inherited in child._actions:
            if inherited.dest in ("config", "debug"):
                inherited.default = argparse.SUPPRESS  # Else it undoes what stood before ACTION.
        if section:
            child.add_argument("-s", "--section", required=section == "required", help=_OF[section])
        child.set_defaults(action=function)
        return child

    status = action(
        "status", tables.show_status, "Show what is stored", "status -s auth", section="optional"
    )
    status.add_argument("--json", action="store_true", help="print an array of JSON objects")
    action("sections", tables.show_sections, "List the kinds of log", "sections", section="")
    action(
        "compact",
        tables.compact,
        "Merge small files and delete leftovers",
        "compact",
        section="optional",
    )
    expiry.add_flags(
        action(
            "expire",
            expiry.expire,
            "Delete events that are older than is kept",
            "expire -s auth --keep 90d --dry-run",
            section="optional",
        )
    )
    reparsing.add_flags(
        action(
            "reparse",
            reparsing.reparse,
            "Read stored lines again, by today's formats",
            reparsing.EXAMPLE,
            section="required",
        )
    )
    lists.add_match_flags(
        action(
            "match-list",
            lists.match_list,
            "Find stored events that are on a list, and mark them",
            lists.MATCH_EXAMPLE,
            section="optional",
        )
    )
    lists.add_mask_flags(
        action("mask", lists.mask, "Print the tokens of values", lists.MASK_EXAMPLE, section="")
    )
    rules.add_flags(action("rules", rules.rules, "Look after the rules", rules.EXAMPLE, section=""))
    clear_parser = action(
        "clear",
        tables.clear,
        "Delete a section's events and progress",
        "clear -s auth --force",
        section="required",
    )
    clear_parser.add_argument("--force", action="store_true", help="do it, do not just tell")
    action(
        "repair",
        tables.repair,
        "Put right what a power cut left half-written",
        "repair",
        section="optional",
    )
    verifying.add_verify_flags(
        action(
            "verify",
            verifying.verify,
            "Check that what is stored is what was stored (lake only)",
            "verify --anchor anchors.json",
            section="optional",
        )
    )
    verifying.add_anchor_flags(
        action(
            "anchor",
            verifying.anchor,
            "Print what proves later that nothing was changed until now (lake only)",
            "anchor --key siemstress.pem",
            section="optional",
        )
    )
    old = action(
        "import-old",
        importing.import_old,
        "Bring in the tables of the original siemstress",
        importing.EXAMPLE,
        section="",
    )
    importing.add_flags(old)
    return parser


_OF = {"required": "the section that is meant", "optional": "this section only"}


if __name__ == "__main__":
    sys.exit(main())
