"""What the values of documents say: columns that follow from words, and from parts of texts.

The values stay fields under their own names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from siemstress.formats.found import Found
from siemstress.formats.header import Header
from siemstress.formats.outcomes import first_known

Words = Mapping[str, str]
"""What words in lower case stand for. `create*` are all that begin so, `*` any, "" is none."""

Saying = tuple[str, Words] | tuple[str, Words, str]
"""A value's name and its words; of a text, those that the first group of a regex finds in it.

Of several sayings the first that says something counts.
"""

Part = tuple[str, str]
"""A value's name, and a regex whose first group is what fills the column."""

ADDRESS = (
    r'^\[?"?\[?(?:::ffff:)?((?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)'
)
"""An address at the start of a text, of a list of texts, or before a port."""

PORT = r"^(?:[^:\[\]]+|\[[^\]]+\]):(\d{1,5})$"
"""The port behind an address."""

STATUS: Words = {"1*": "success", "2*": "success", "3*": "success", "4*": "failure",
                 "5*": "failure"}  # fmt: skip
"""Outcomes by HTTP's status codes."""

YES: Words = {"true": "success", "false": "failure"}
"""Outcomes where a value tells whether it worked."""


def alike(words: str, meant: str) -> Words:
    """Words, with blanks between, that mean the same."""
    return dict.fromkeys(words.split(), meant)


VERBS: Words = {
    **alike("get* list* describe* lookup* head* batchget* search* query* view* read* select* "
            "check* test* simulate* download* watch*", "resource_access"),
    **alike("create* run* allocate* register* insert* import* upload* copy* invite* publish* "
            "generate* request* new*", "resource_create"),
    **alike("delete* terminate* deregister* release* remove* destroy* purge* revoke* cancel*",
            "resource_delete"),
    **alike("put* update* modify* set* attach* detach* associate* disassociate* enable* disable* "
            "start* stop* reboot* add* tag* untag* change* edit* patch* configure* reset* "
            "restore* rename* move* replace*", "resource_change"),
    "*": "api_call",
}  # fmt: skip
"""Actions by the verbs that names of API calls begin with."""


def fill(
    found: Found,
    header: Header,
    says: Mapping[str, Sequence[Saying]],
    parts: Mapping[str, Sequence[Part]],
) -> None:
    """Fill columns by what values say; what they do not say stays as it is."""
    for column, sayings in says.items():
        texts = [_said(found, *saying) for saying in sayings]
        _give(header, column, [text for text in texts if text is not None])
    for column, listed in parts.items():
        named = [(found.named(name), regex) for name, regex in listed]
        _give(header, column, [text.str.extract(regex) for text, regex in named])


def _give(header: Header, column: str, texts: Sequence[pl.Series]) -> None:
    given = [text for text in texts if not text.is_null().all()]
    if not given:
        return
    text = first_known(*given)
    if column == "severity":
        number = text.cast(pl.Int8).fill_null(-1).to_numpy()
        known = header.severity
        header.severity = number if known is None else np.where(number < 0, known, number)
    else:
        known_text = header.values.get(column)
        header.values[column] = text if known_text is None else first_known(text, known_text)


def _said(found: Found, name: str, words: Words, regex: str | None = None) -> pl.Series | None:
    text = found.named(name)
    if text.is_null().all() and "" not in words:
        return None
    if regex is not None:
        text = text.str.extract(regex)
    small = text.str.to_lowercase()
    whole = {word: meant for word, meant in words.items() if not word.endswith("*")}
    begun = {
        word[:-1]: meant for word, meant in words.items() if len(word) > 1 and word not in whole
    }
    said = [small.replace_strict(whole, default=None, return_dtype=pl.String)]
    if begun:
        longest = sorted(begun, key=len, reverse=True)
        head = small.str.extract(f"^({'|'.join(re.escape(word) for word in longest)})")
        said.append(head.replace_strict(begun, default=None, return_dtype=pl.String))
    result = first_known(*said)
    if "*" in words:
        result = result.set(result.is_null() & small.is_not_null(), words["*"])
    if "" in words:
        result = result.set(result.is_null() & small.is_null(), words[""])
    return result
