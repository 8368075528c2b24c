"""Text on its way to a terminal: what could steer the terminal is made visible."""

from __future__ import annotations

import re

# C0 and C1 controls, DEL, and the marks that reorder or hide text (Unicode Bidi, zero width).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: str) -> str:
    """Replace control characters by visible escapes (`\\x1b`); tab and line feed stay."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def visible_json(text: str) -> str:
    """The same within JSON, where the escapes (`\\u001b`) mean the characters they stand for."""
    return _UNSAFE.sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
