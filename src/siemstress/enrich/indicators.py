"""Entries of lists, of whatever kind, in the form in which they are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from siemstress.enrich.addresses import Range, ranges_of

HASH_LENGTHS = (32, 40, 56, 64, 96, 128)
"""Hexadecimal digits of MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512."""

# More of an entry that is wrong is not shown.
_SHOWN = 40
_HASH = re.compile(r"[0-9a-f]+\Z")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL}\Z")
_SCHEME = re.compile(r"(?i)[a-z][a-z0-9+.-]*://\S+\Z")
_USER = re.compile(r"[\w.\\/@$+~ -]{1,256}\Z")
# An address and a port, which says no more of whose address it is.
_PORT = re.compile(r"([0-9.]{7,15}):[0-9]{1,5}\Z")
# How indicators are written so that nobody clicks on them.
_DEFANGED = ((re.compile(r"\[\.\]|\(\.\)|\[dot\]"), "."), (re.compile(r"(?i)^h(xx|\*\*)p"), "http"))


@dataclass
class Indicators:
    """What a list holds: ranges of addresses, and texts in lower case by their kind.

    `unread` counts entries that are not what they should be, `first` is the first of them;
    `passed` counts those that are not for detecting: patterns that need more than one value,
    indicators that are revoked or no longer valid.
    """

    ranges: list[Range] = field(default_factory=list)
    texts: dict[str, set[str]] = field(default_factory=dict)
    unread: int = 0
    first: str = ""
    passed: int = 0

    def __len__(self) -> int:
        return len(self.ranges) + sum(map(len, self.texts.values()))

    def add(self, kind: str, text: str) -> None:
        """Add an entry; `kind` may be `auto`."""
        value = text.strip()
        if "[" in value or "(" in value or value[:1] in ("h", "H"):
            for pattern, plain in _DEFANGED:
                value = pattern.sub(plain, value)
        if with_port := _PORT.match(value):
            value = with_port[1]
        if kind == "auto":
            kind = kind_of(value)
            if kind == "user" and " " in value:
                self.refuse(text)  # Some sentence, more likely.
                return
        if kind == "address":
            try:
                self.ranges += ranges_of(value)
            except ValueError:
                self.refuse(text)
            return
        found = _normal(kind, value)
        if found is None:
            self.refuse(text)
        else:
            self.texts.setdefault(kind, set()).add(found)

    def refuse(self, text: str) -> None:
        """Count an entry that is not what it should be."""
        self.first = self.first or repr(text[:_SHOWN])
        self.unread += 1


def kind_of(value: str) -> str:
    """What an entry is, by its looks."""
    if value[:1].isdigit() or ":" in value:
        try:
            list(ranges_of(value))
        except ValueError:
            pass
        else:
            return "address"
    if _SCHEME.match(value):
        return "url"
    if len(value) in HASH_LENGTHS and _HASH.match(value.lower()):
        return "hash"
    if "@" not in value and _domain(value) is not None:
        return "domain"
    return "user"


def _normal(kind: str, value: str) -> str | None:
    """An entry as it is compared; None if it is not of this kind."""
    if kind == "domain":
        return _domain(value)
    lower = value.lower()
    if kind == "hash":
        return lower if len(lower) in HASH_LENGTHS and _HASH.match(lower) else None
    if kind == "url":
        return lower if _SCHEME.match(value) else None
    return lower if _USER.match(value) else None


def _domain(value: str) -> str | None:
    """A domain in lower case, its letters as the name system has them."""
    name = value.lower().removeprefix("||").removesuffix("^").removeprefix("*.").strip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    return name if len(name) <= 253 and _DOMAIN.match(name) else None
