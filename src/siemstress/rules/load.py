"""Rule files: every `*.conf`, every section of it a rule, of the original's kind or of ours.

The original's has `sqlquery`, a MySQL SELECT. Ours names a kind of log by `section` and states its
condition in siemquery's flags; both say how many events in which time are too many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

from siemstress import config, schema
from siemstress.errors import ConfigError, QueryError, RuleError, SiemstressError, UserError
from siemstress.query import mysql
from siemstress.query.filters import COLUMNS, base_name, parse_flags
from siemstress.rules.alerts import MESSAGE_NAMES, PLACEHOLDER
from siemstress.rules.model import FIELDS, GroupKey, Rule, Statement, Window, groupable
from siemstress.rules.prove import prove
from siemstress.rules.statement import match_of

OUT_TABLE = "UserAuth"
INTERVAL = "10"
SHARED_KEYS = frozenset(
    {
        "sourcetable", "interval", "limit", "outtable", "message", "severity", "magnitude",
        "suppress_for",
    }
)  # fmt: skip
SQL_KEYS = SHARED_KEYS | {"sqlquery"}
OWN_KEYS = SHARED_KEYS | {"section", "group_by"}
# The section that stands for every table of logs.
EVERY = "*"
# In front of a flag: what an event must be that follows those which are counted.
THEN = "then_"
# `severity` is the alert's; the flag of that name filters under another.
RENAMED = {"event_severity": "severity", "revent_severity": "rseverity"}

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "": 60}
_LONGEST = timedelta(days=3660)
_INT32_MAX = 2**31 - 1
_OUT_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Loaded:
    """The rules that can be used, and what is wrong with the others."""

    rules: tuple[Rule, ...]
    problems: tuple[SiemstressError, ...]


class Given(NamedTuple):
    """What a section of a rule file says; `file` is where it stands, for messages."""

    file: Path
    name: str
    keys: dict[str, str]


def load_rules(
    files: Sequence[Path], tables: Mapping[str, str], more: Sequence[Given] = ()
) -> Loaded:
    """All rules in the files, and more rules, whose names must be others.

    `tables` maps every name of a section or table to its table; tables that rules send alerts to
    are known besides.
    """
    problems: list[SiemstressError] = []
    sections: list[Given] = []
    for file in files:
        try:
            ini = config.read_ini(file)
        except ConfigError as e:
            problems.append(RuleError(e.message, file=file, section=e.section, key=e.key))
            continue
        sections += [Given(file, name, dict(ini[name])) for name in ini.sections()]
    sections += more
    known = {name.lower(): table for name, table in tables.items()}
    outs = {OUT_TABLE}
    for _, _, keys in sections:
        out = keys.get("outtable", "").strip()
        if _OUT_TABLE.match(out):
            outs.add(known.setdefault(out.lower(), out))
    logs = tuple(dict.fromkeys(t for t in tables.values() if t not in outs))
    rules: dict[str, Rule] = {}
    for file, name, keys in sections:
        reader = _Reader(file, name, keys, known, logs)
        rule = reader.rule()
        if not name:
            reader.wrong("name", "is missing")
        elif rule is not None and name in rules:
            reader.wrong(None, f"a rule of this name is in {rules[name].file} too")
        elif rule is not None and not reader.problems:
            rules[name] = rule
        problems += reader.problems
    order = {str(file): n for n, file in enumerate(files)}
    problems.sort(key=lambda problem: order.get(problem.file or "", len(order)))
    return Loaded(tuple(rules.values()), tuple(problems))


class _Reader:
    """Reads one section into a rule, and notes everything that is wrong with it."""

    def __init__(
        self,
        file: Path,
        name: str,
        keys: Mapping[str, str],
        tables: Mapping[str, str],
        logs: Sequence[str],
    ) -> None:
        self._file = file
        self._name = name
        self._keys = keys
        self._tables = tables
        self._logs = logs
        self.problems: list[SiemstressError] = []

    def wrong(self, key: str | None, message: str) -> None:
        """Note a mistake."""
        error = RuleError(message, file=self._file, section=self._name, key=key)
        self.problems.append(error)

    def rule(self) -> Rule | None:
        """The rule, unless there are problems."""
        is_sql = "sqlquery" in self._keys
        match = self._sql_match() if is_sql else self._own_match()
        if isinstance(match, Statement):
            tables = mysql.tables_of(match.query)
            self._source_tables(is_sql=True)
        elif is_sql:
            tables = self._sql_tables
            self._source_tables(is_sql=True)
        else:
            tables = self._source_tables(is_sql=False)
        interval = self._read("interval", INTERVAL, interval_of)
        limit = self._read("limit", "0", lambda v: _number(v, 0, _INT32_MAX))
        severity = self._optional("severity", 0, 7)
        magnitude = self._optional("magnitude", 0, _INT32_MAX)
        suppress = timedelta(0)
        if "suppress_for" in self._keys:
            suppress = self._read("suppress_for", "", interval_of) or suppress
        out_table = self._out_table()
        message = self._message(match)
        if self.problems or match is None or interval is None or limit is None:
            return None
        if isinstance(match, Window) and not is_sql:
            match = replace(match, span=interval)
        rule = Rule(
            name=self._name,
            file=self._file,
            tables=tables,
            match=match,
            interval=interval,
            limit=limit,
            out_table=out_table,
            message=message,
            severity=severity,
            magnitude=magnitude,
            suppress=suppress,
        )
        return rule if self._proven(rule, "sqlquery" if is_sql else None) else None

    def _proven(self, rule: Rule, key: str | None) -> bool:
        try:
            prove(rule)
        except QueryError as e:
            self.wrong(key, e.message)
            return False
        return True

    # Values -----------------------------------------------------------------------------------

    def _read(self, key: str, default: str, read: Callable[[str], _T]) -> _T | None:
        try:
            return read(self._keys.get(key, default).strip())
        except ValueError as e:
            self.wrong(key, str(e))
            return None

    def _optional(self, key: str, least: int, most: int) -> int | None:
        if key not in self._keys:
            return None
        return self._read(key, "", lambda v: _number(v, least, most))

    def _out_table(self) -> str:
        value = self._keys.get("outtable", OUT_TABLE).strip()
        if not _OUT_TABLE.match(value):
            self.wrong("outtable", "must be letters, digits and _, up to 64")
        return self._tables.get(value.lower(), value)

    def _source_tables(self, *, is_sql: bool) -> tuple[str, ...]:
        keys = [k for k in ("section", "sourcetable") if k in self._keys]
        if not keys and not is_sql:
            self.wrong("section", "is missing: the kind of log that the rule watches")
        found: list[str] = []
        for key in keys:
            for name in names_in(self._keys[key]):
                if name == EVERY:
                    found += self._logs
                    continue
                table = self._tables.get(name.lower())
                if table is None:
                    known = ", ".join(sorted(set(self._tables)))
                    self.wrong(key, f"there is no section or table {name!r}; there are: {known}")
                else:
                    found.append(table)
            if not names_in(self._keys[key]):
                self.wrong(key, "is empty")
        return tuple(dict.fromkeys(found))

    def _message(self, match: Window | Statement | None) -> str:
        message = " ".join(self._keys.get("message", "").split())
        if "sqlquery" in self._keys or not isinstance(match, Window):
            return message
        known = MESSAGE_NAMES | {key.name for key in match.group_by}
        for found in PLACEHOLDER.finditer(message):
            if found[1] not in known:
                there = ", ".join(sorted(known))
                self.wrong("message", f"{found[0]} has no value; there are: {there}")
        return message

    # Conditions -------------------------------------------------------------------------------

    def _sql_match(self) -> Window | Statement | None:
        for key in sorted(set(self._keys) - SQL_KEYS):
            self.wrong(key, "no such key beside sqlquery")
        self._sql_tables: tuple[str, ...] = ()
        try:
            query = mysql.translate(_unquoted(self._keys["sqlquery"]), self._tables)
        except QueryError as e:
            self.wrong("sqlquery", e.message)
            return None
        self._sql_tables = mysql.tables_of(query)
        if not self._sql_tables:
            self.wrong("sqlquery", "reads no table")
        return match_of(query)

    def _own_match(self) -> Window | None:
        flags: dict[str, list[str]] = {}
        following: dict[str, list[str]] = {}
        for key, value in self._keys.items():
            if key in OWN_KEYS:
                continue
            plain = key.removeprefix(THEN)
            flag = RENAMED.get(plain, plain)
            if base_name(flag) is None or plain in RENAMED.values():
                known = ", ".join(sorted(OWN_KEYS | set(COLUMNS) | {"event_severity"}))
                self.wrong(
                    key,
                    f"no such key; there are: sqlquery, {known}; "
                    "r in front of a flag filters out, then_ says what must follow",
                )
                continue
            values = [line.strip() for line in value.splitlines() if line.strip()]
            if not values:
                self.wrong(key, "is empty")
            self._try_flag(key, flag, values)
            (flags if plain == key else following)[flag] = values
        groups = self._groups()
        if self.problems:
            return None
        then = parse_flags(following).condition() if following else None
        return Window(parse_flags(flags).condition(), groups, timedelta(0), then)

    def _try_flag(self, key: str, flag: str, values: list[str]) -> None:
        try:
            parse_flags({flag: values})
        except UserError as e:
            self.wrong(key, e.message)

    def _groups(self) -> tuple[GroupKey, ...]:
        found: list[GroupKey] = []
        for name in names_in(self._keys.get("group_by", "")):
            if name.startswith(FIELDS) and len(name) > len(FIELDS):
                found.append(GroupKey(name))
                continue
            column = name if name in schema.ALL else schema.column_name(name)
            if column is None or not groupable(column):
                self.wrong("group_by", f"there is no column {name!r} to group by")
            else:
                found.append(GroupKey(column))
        return tuple(dict.fromkeys(found))


def names_in(value: str) -> list[str]:
    """Names separated by commas or line breaks."""
    return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]


def interval_of(value: str) -> timedelta:
    """An interval: minutes, or a number with `s`, `m`, `h` or `d`.

    Raises:
        ValueError: it is none, or is not between a second and ten years; says what is right.

    """
    found = re.fullmatch(r"(\d{1,9})\s*([smhd]?)", value)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta(0)
    if not timedelta(0) < length <= _LONGEST:
        raise ValueError("must be minutes, or a number with s, m, h or d (30s, 10m, 2h)")
    return length


def _number(value: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,10}", value) or not least <= int(value) <= most:
        raise ValueError(f"must be a number from {least} to {most}")
    return int(value)


def _unquoted(sql: str) -> str:
    """The statement without what the original's examples end it with."""
    return sql.strip().rstrip(";").strip()
