"""Tests of Sigma's conditions in words."""

from __future__ import annotations

from siemstress.rules.sigma.condition import (
    Absent,
    Compare,
    Network,
    Present,
    Regex,
    SameAs,
    Test,
    Text,
    TimePart,
    Wild,
)
from siemstress.rules.sigma.values import FIELDS, places

_SAME = {"is": "is the same as", "begins": "starts with that of", "ends": "ends with that of"}


def field_of(field: str | None) -> str:
    """What a rule calls a field that is given by its places; None: the whole text."""
    return "the text" if field is None else places(field)[0].removeprefix(FIELDS)


def in_words(field: str | None, test: Test) -> str:
    """A test of a field: `Image ends with "\\cmd.exe"`."""
    return f"{field_of(field)} {_test(test)}"


def quoted(text: str) -> str:
    """A text in quotes."""
    return f'"{text}"'


def _test(test: Test) -> str:
    match test:
        case Text():
            return _text(test)
        case Regex():
            return f"matches /{test.pattern}/{test.flags}"
        case Network(network):
            return f"is an address of {network}"
        case Compare(operator, number):
            return f"{operator} {number:g}"
        case TimePart(part, number):
            return f"is a time whose {part} is {number}"
        case Absent():
            return "is empty or not there"
        case Present():
            return "is there"
        case SameAs(field, how):
            return f"{_SAME[how]} {field_of(field)}"


def _text(test: Text) -> str:
    parts = test.parts
    case = " (upper and lower case count)" if test.cased else ""
    match parts:
        case ():
            return "is empty"
        case (Wild.ANY,):
            return "is any text"
        case (str() as text,):
            return f"is {quoted(text)}{case}"
        case (Wild.ANY, str() as text, Wild.ANY):
            return f"contains {quoted(text)}{case}"
        case (str() as text, Wild.ANY):
            return f"starts with {quoted(text)}{case}"
        case (Wild.ANY, str() as text):
            return f"ends with {quoted(text)}{case}"
    whole = "".join(part if isinstance(part, str) else part.value for part in parts)
    return f"is like {quoted(whole)}{case}"
