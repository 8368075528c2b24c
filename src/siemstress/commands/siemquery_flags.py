"""The flags of siemquery."""

from __future__ import annotations

from siemstress.commands.command import Parser
from siemstress.query.filters import COLUMNS

DESCRIPTION = """\
Ask questions about events.

The same filter twice means either, different ones must all hold. Texts are compared without
regard to case; in them % stands for any text and _ for any character."""

EXAMPLES = """\
  siemquery -s auth --last 7d --process sshd --grep 'failed password'
  siemquery -s auth --range 20261014041130-20261014041500 --rshost 10.0.0.%
  siemquery -s auth --category authentication --outcome failure --count-by source_host,user
  siemquery -s auth -s default --shost web1 --histogram 1h
  siemquery --unparsed --last 7d --templates --limit 20
  siemquery --last 30d --sql 'SELECT host, max(time) FROM auth GROUP BY host' --format csv"""

FORMS = ("table", "jsonl", "json", "csv", "raw", "parquet")

_MEANINGS = {
    "id": ("NUMBER", "id (then --last has no default)"),
    "shost": ("HOST", "host that logged it, or address or name that acted"),
    "sport": ("PORT", "port of the one that acted"),
    "dhost": ("HOST", "address or name acted upon"),
    "dport": ("PORT", "port of the one acted upon"),
    "process": ("NAME", "program that logged it"),
    "pid": ("NUMBER", "its process number"),
    "protocol": ("NAME", "network protocol"),
    "grep": ("TEXT", "text anywhere in the message"),
    "user": ("NAME", "account acting or acted on"),
    "action": ("ACTION", "what happened (login)"),
    "category": ("CATEGORY", "kind of action (authentication, iam, network)"),
    "outcome": ("OUTCOME", "success or failure"),
    "severity": ("SEVERITY", "syslog severity: 0 (worst) to 7, a name (err), a range (0-3)"),
    "facility": ("FACILITY", "syslog facility, by name (auth) or number"),
    "field": ("NAME=VALUE", "field that was found in the message"),
}


def parser() -> Parser:
    """The parser of siemquery's arguments."""
    made = Parser("siemquery", DESCRIPTION, EXAMPLES)
    _add_place(made)
    _add_filters(made)
    _add_answers(made)
    return made


def _add_place(made: Parser) -> None:
    where = made.add_argument_group("where and when")
    where.add_argument(
        "-s", "--section", action="append", metavar="SECTION", help="kind of log (default: default)"
    )
    where.add_argument("--table", action="append", metavar="TABLE", help="table, by its own name")
    where.add_argument("--last", metavar="SPAN", help="30s, 5m, 24h, 7d or 2w (default: 24h)")
    where.add_argument(
        "--range",
        metavar="START-FINISH",
        help="each YYYYmmddHHMMSS, YYmmddHHMMSS, YYYYmmdd, ISO 8601, or nothing; beats --last",
    )
    where.add_argument(
        "-z", "--zone", metavar="ZONE", help="zone of --range and of the times that are shown"
    )


def _add_filters(made: Parser) -> None:
    only = made.add_argument_group("only events with")
    without = made.add_argument_group("no events with")
    for name in COLUMNS:
        if name == "unparsed":
            only.add_argument("--unparsed", action="store_true", help="what no format could read")
            without.add_argument("--runparsed", action="store_true", help="as --unparsed")
            continue
        metavar, meaning = _MEANINGS[name]
        only.add_argument(f"--{name}", action="append", metavar=metavar, help=meaning)
        without.add_argument(f"--r{name}", action="append", metavar=metavar, help=f"as --{name}")


def _add_answers(made: Parser) -> None:
    what = made.add_argument_group("what to answer")
    what.add_argument(
        "--sigma",
        action="append",
        metavar="FILE",
        help="events that Sigma rules match; a file, folder or .zip of rules",
    )
    what.add_argument("--limit", metavar="N", help="only the newest N events, or first N counts")
    what.add_argument("--reverse", action="store_true", help="the newest, or rarest, first")
    what.add_argument("--columns", metavar="COL[,COL]", help="these columns (fields.NAME: a field)")
    what.add_argument("--count-by", metavar="COL[,COL]", help="count events with the same values")
    what.add_argument(
        "--histogram",
        nargs="?",
        const="",
        metavar="BUCKET",
        help="count events over time, in buckets of 5m, 1h, 1d (default: chosen)",
    )
    what.add_argument("--templates", action="store_true", help="group messages that are alike")
    what.add_argument("--clock", action="store_true", help="how far the hosts' clocks are off")
    what.add_argument(
        "--sql",
        metavar="SELECT",
        help="a query in DuckDB's SQL, with the sections as tables; filters must be given",
    )
    what.add_argument("--timeout", metavar="SPAN", help="how long --sql may take")
    how = made.add_argument_group("how to show it")
    how.add_argument("--format", choices=FORMS, default="table", help="default: table")
    how.add_argument("--output", metavar="FILE", help="write there, not to standard output")
    how.add_argument("--json", metavar="FILE", help="write a JSON array of objects there, too")
    how.add_argument("--silent", action="store_true", help="print no table")
    how.add_argument("--verbose", action="store_true", help="show the SQL on standard error")
