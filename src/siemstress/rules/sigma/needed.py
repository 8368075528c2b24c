"""What must stand in a text, or else a regular expression is not found in it.

Regular expressions are dear, literals looked for all at once are not. What is not surely
understood needs nothing.
"""

from __future__ import annotations

import re

from siemstress.rules.sigma.condition import Regex, Text, Wild

# One piece of an expression. What is in groups and classes is not looked at.
_PIECES = re.compile(
    r"""(?P<flags>\(\?[a-zA-Z-]*\))|(?P<odd>\\[^\W_dDwWsSbBAznrtfv])|(?P<escaped>\\[\x21-\x7e])
    |(?P<often>\+)|(?P<maybe>[*?]|\{[0-9, ]*\})|(?P<open>\()|(?P<close>\))|(?P<either>\|)
    |(?P<set>\[)|(?P<any>[.^$])|(?P<char>[\x20-\x7e])|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_FIRST_FLAGS = re.compile(r"\(\?[ims]+\)")


def needed(test: Regex) -> Text | None:
    """A test that holds for all texts that a regular expression is found in."""
    runs = _runs(test.expression)
    longest = max(runs, key=len, default="") if runs is not None else ""
    return Text((Wild.ANY, longest, Wild.ANY)) if len(longest) > 1 else None


def _runs(expression: str) -> list[str] | None:
    """The literals, in lower case, that must all be there; None: that is not known."""
    flags, at = "", 0
    while match := _FIRST_FLAGS.match(expression, at):
        flags, at = flags + match[0], match.end()
    runs, deep = [""], 0
    while at < len(expression):
        piece = _PIECES.match(expression, at)
        assert piece is not None  # noqa: S101 - the last kind is any character
        kind, text, at = piece.lastgroup, piece[0], piece.end()
        if kind in ("flags", "odd") or (kind == "either" and not deep):
            return None
        if kind == "set":
            behind = _behind_set(expression, at)
            if behind is None:
                return None
            at = behind
        deep += (kind == "open") - (kind == "close")
        if deep or kind == "close":
            runs.append("")
        elif kind == "maybe":
            runs[-1] = runs[-1][:-1]
            runs.append("")
        elif (char := _literal(kind, text)) and not ("i" in flags and char == "s"):
            runs[-1] += char
        else:
            # Without regard to case, an s may be a letter (U+017F) that is not one in lower case.
            runs.append("")
    return runs


def _literal(kind: str | None, text: str) -> str:
    """The character that a piece stands for, in lower case; empty: it is none."""
    if kind == "char":
        return text.lower()
    return text[1] if kind == "escaped" and not text[1].isalnum() else ""


def _behind_set(expression: str, at: int) -> int | None:
    """Where a set of characters, whose [ was read, is over."""
    deep = 1
    at = _behind_first(expression, at)
    while at < len(expression):
        char = expression[at]
        at += 2 if char == "\\" else 1
        if char == "[":
            deep += 1
            at = _behind_first(expression, at)
        elif char == "]":
            deep -= 1
            if not deep:
                return at
    return None


def _behind_first(expression: str, at: int) -> int:
    """A set's first ] is a character like others."""
    if expression.startswith("^", at):
        at += 1
    return at + 1 if expression.startswith("]", at) else at
