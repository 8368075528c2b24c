"""Write what repeats the code: docs/reference, the manual pages, the output of the examples.

`make docs` runs this; a test says when it should have been. With `--check` nothing is written and
the exit status says whether everything is current.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import examples
import settings
from manual import page
from parsers import COMMANDS, Flag, example_lines, flags, parser_of, subcommands, usage
from siemstress.fields.actions import ACTIONS
from siemstress.formats.base import Format, formats
from siemstress.schema import ALERT, EVENT, Column

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by docs/write_reference.py from the code; `make docs` writes it anew. -->\n\n"

SQL_TYPES = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "int8": "TINYINT",
    "time": "TIMESTAMP",
    "text": "VARCHAR",
    "binary": "BLOB",
    "bool": "BOOLEAN",
    "map": "MAP(VARCHAR, VARCHAR)",
}


def generated() -> dict[Path, str]:
    """Every generated file and what should be in it."""
    files = {
        ROOT / "docs/reference/commands.md": NOTE + commands(),
        ROOT / "docs/reference/columns.md": NOTE + columns(),
        ROOT / "docs/reference/actions.md": NOTE + actions(),
        ROOT / "docs/reference/config.md": NOTE + settings.text(),
        ROOT / "docs/reference/formats.md": NOTE + log_formats(),
    }
    for command in COMMANDS:
        files[ROOT / f"man/{command}.1"] = page(command, parser_of(command))
    return files


def commands() -> str:
    """Every command with every flag."""
    parts = ["# Commands\n"]
    for command in COMMANDS:
        parser = parser_of(command)
        parts.append(f"## {command}\n\n{parser.description}\n\n```\n{usage(parser)}\n```\n")
        parts += [_table(title, listed) for title, listed in flags(parser)]
        for name, (meaning, child) in subcommands(parser).items():
            parts.append(f"### {command} {name}\n\n{meaning}.\n\n```\n{usage(child)}\n```\n")
            parts += [_table(title, listed) for title, listed in flags(child, parser)]
        if text := example_lines(parser):
            parts.append(f"Examples:\n\n```sh\n{text}\n```\n")
    parts.append(EXIT_STATUS)
    return "\n".join(parts)


EXIT_STATUS = """\
## Exit status

| status | meaning |
|---|---|
| 0 | done |
| 1 | something outside went wrong: the store, the disk, another process |
| 2 | a mistake in a flag, a config file, a rule or the input; one line says where |
| 130, 143 | interrupted by Ctrl-C or SIGTERM |
| 141 | the reader of the output went away |
"""


def columns() -> str:
    """The event's and the alert's columns."""
    event, alert = (_columns(names) for names in (EVENT, ALERT))
    return (
        "# Columns\n\nEvery event has these. Times are in UTC; what a line lacks is null.\n\n"
        f"{event}\n## Alerts\n\nAn alert is an event with these columns besides.\n\n{alert}"
    )


def actions() -> str:
    """The vocabulary of `action`."""
    rows = ["| action | meaning | event.category | event.type |", "|---|---|---|---|"]
    for name, action in ACTIONS.items():
        listed = (action.category, action.type)
        category, kind = (", ".join(f"`{value}`" for value in values) for values in listed)
        rows.append(f"| `{name}` | {action.meaning} | {category} | {kind} |")
    return ABOUT_ACTIONS + "\n".join(rows) + "\n"


ABOUT_ACTIONS = """\
# Actions

The column `action` says what happened, in the same word whatever program tells of it; `outcome`
says whether it worked: `success`, `failure`, or null where the program does not tell. Failed logins
of sshd, of a mail server and of Windows are one question:

```sh
siemquery --action login --outcome failure
siemquery --category authentication --outcome failure
```

`--category` stands for all actions that have this event.category in the
[Elastic Common Schema](https://www.elastic.co/guide/en/ecs/current/ecs-category-field-values-reference.html).
A firewall's or proxy's decision is `allow` or `deny`, without an outcome. Actions that an event
brings along as JSON or ECS document stay as they are.

"""


def log_formats() -> str:
    """Every log format, with its first sample."""
    parts = [
        "# Log formats\n\n`auto` chooses among them by looking at the lines. How to add one: "
        "[Log formats](../formats.md).\n"
    ]
    for name, item in sorted(formats(own=False).items()):
        others = (
            f", also {', '.join(f'`{alias}`' for alias in item.aliases)}" if item.aliases else ""
        )
        about = " ".join((item.about or _module_of(item).__doc__ or "").split("\n\n")[0].split())
        parts.append(f"## {name}\n\n`{name}`{others}. {about}\n")
        parts.append(f"```\n{item.samples[0].line}\n```\n")
    return "\n".join(parts)


def _module_of(item: Format) -> ModuleType:
    """The module that a format stands in."""
    modules = [m for name, m in sys.modules.items() if name.startswith("siemstress.formats.")]
    return next(m for m in modules if any(value is item for value in vars(m).values()))


def _columns(listed: tuple[Column, ...]) -> str:
    rows = [
        "| column | SQL type | meaning | flag | ECS | older names |",
        "|---|---|---|---|---|---|",
    ]
    for column in listed:
        flag = f"`--{column.flag}`" if column.flag else ""
        ecs = f"`{column.ecs}`" if column.ecs else ""
        old = ", ".join(f"`{name}`" for name in column.old)
        kind = SQL_TYPES[column.kind]
        rows.append(f"| `{column.name}` | {kind} | {column.meaning} | {flag} | {ecs} | {old} |")
    return "\n".join(rows) + "\n"


def _table(title: str, listed: list[Flag]) -> str:
    rows = [f"| {title} | |", "|---|---|"]
    for flag in listed:
        names = ", ".join(f"`{name}`" for name in flag.names)
        value = f" `{cell(flag.value)}`" if flag.value else ""
        rows.append(f"| {names}{value} | {cell(flag.meaning)} |")
    return "\n".join(rows) + "\n"


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Write, or check, and say which files it is about."""
    check = sys.argv[1:] == ["--check"]
    files = generated()
    sys.path.append(str(ROOT / "tests"))  # The examples for MariaDB use the tests' server.
    for document in examples.DOCUMENTS:
        text = document.read_text()
        if examples.statements(text) and not shutil.which("mariadb-install-db"):
            print(document.relative_to(ROOT), "is left as it is: MariaDB is not installed")
            continue
        with tempfile.TemporaryDirectory() as sandbox:
            files[document] = examples.run_all(text, Path(sandbox).resolve())
    stale = [
        (path, text)
        for path, text in files.items()
        if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        print(path.relative_to(ROOT), "is out of date" if check else "written")
        if not check:
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
