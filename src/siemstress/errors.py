"""Every exception that siemstress raises on purpose.

SiemstressError
├── UserError           the caller's mistake: exit status 2
│   ├── ConfigError     siemstress.conf, siemtrigger.conf
│   ├── InputError      a file to read that is not there, not readable, not what it claims
│   ├── QueryError      a flag's value, a time, a SQL statement
│   └── RuleError       a rule file
└── Failure             something outside went wrong: exit status 1
    ├── StoreError      the store cannot be read or written
    │   └── Unavailable it cannot be for now: a server that is away, a disk that is full
    └── Conflict        another process moved the same consumer's position first
"""

from __future__ import annotations

from pathlib import Path


class SiemstressError(Exception):
    """Base of all errors; `str()` is one line that says where and what would be right."""

    exit_status = 1

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        section: str | None = None,
        key: str | None = None,
    ) -> None:
        self.message = message
        self.file = str(file) if file is not None else None
        self.section = section
        self.key = key
        super().__init__(message)

    def __str__(self) -> str:
        where = [self.file] if self.file else []
        if self.section is not None:
            where.append(f"[{self.section}]")
        if self.key is not None:
            where.append(self.key)
        text = f"{' '.join(where)}: {self.message}" if where else self.message
        return " ".join(text.split())


class UserError(SiemstressError):
    """The caller's mistake."""

    exit_status = 2


class ConfigError(UserError):
    """A config file that cannot be used as it is."""


class InputError(UserError):
    """A file to read that is not there, not readable, or not what it claims to be."""


class QueryError(UserError):
    """A question that cannot be answered as asked."""


class RuleError(UserError):
    """A rule that cannot be used as it is."""


class Failure(SiemstressError):
    """Something outside of siemstress went wrong."""


class StoreError(Failure):
    """The store cannot be read or written; `code` is a server's number for why."""

    code: int | None = None


class Unavailable(StoreError):
    """The store cannot be read or written for now; nothing was changed, and later it may go."""


class Conflict(Failure):
    """Another process moved the same consumer's position first; nothing was written."""
