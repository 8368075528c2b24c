"""Requests to web servers as access logs write them: the request in quotes, status and size.

Servers escape quotes within what a client sent, so that the first quote without a backslash before
it ends the request: whoever chooses a URL or a browser's name cannot make up a status.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from siemstress.formats.outcomes import first_known, of_status, where

_QUOTED = r'(?:[^"\\]|\\.)*'
# What nearly all requests look like, in a form that takes little time.
_USUAL = (
    r'^"(?P<method>[A-Z][A-Z_-]{1,31}) (?P<path>[^" \\]*) (?P<version>HTTP/[0-9.]+)"'
    r" (?P<status>[0-9]{3}) (?P<bytes>[0-9]+|-)"
    r'(?: "(?P<referer>[^"\\]*)" "(?P<user_agent>[^"\\]*)")?$'
)
_ANY = (
    r'(?s)^(?:(?P<vhost>[^" \\]+) )?"(?:(?P<method>[A-Za-z][A-Za-z_-]{1,31}) '
    rf"(?P<path>{_QUOTED}?) (?P<version>[A-Z]+/[0-9.]+)"
    rf'|(?P<request>{_QUOTED}))" (?P<status>[0-9]{{3}}|-)'
    rf'(?: (?P<bytes>[0-9]+|-))?(?: "(?P<referer>{_QUOTED})" "(?P<user_agent>{_QUOTED})")?'
    r'(?: "(?P<x_forwarded_for>(?:[0-9A-Fa-f.:]+|unknown)(?:, ?(?:[0-9A-Fa-f.:]+|unknown))*)")?'
    r"(?: (?P<extra>.*))?$"
)
# A request of the first version has no version.
_OLD = r"^(?P<method>GET|HEAD|POST) (?P<path>[^ ]+)$"
NAMES = (
    "method", "path", "version", "status", "bytes", "referer", "user_agent", "request", "vhost",
    "x_forwarded_for", "extra",
)  # fmt: skip
"""The fields of a request."""


def take_apart(text: pl.Series) -> dict[str, pl.Series]:
    """What texts that begin with a request say, by `NAMES`; all null where one is none."""
    found = text.str.extract_groups(_USUAL).struct.unnest()
    missing = [name for name in NAMES if name not in found.columns]
    found = found.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    rows = found["status"].is_null().arg_true()
    if len(rows):
        other = text.gather(rows).str.extract_groups(_ANY).struct.unnest()
        old = other["request"].str.extract_groups(_OLD).struct.unnest()
        is_old = old["method"].is_not_null()
        other = other.with_columns(
            method=first_known(other["method"], old["method"]),
            path=first_known(other["path"], old["path"]),
            request=where_not(is_old, other["request"]),
        )
        found = found.select(put(found[name], rows, other[name]).alias(name) for name in NAMES)
    unset = [pl.when(pl.col(name) != "-").then(pl.col(name)).alias(name) for name in NAMES]
    told = found.select(unset)
    # The status alone shows that there was a request, even where it is none.
    return {name: told[name] for name in NAMES} | {"asked": found["status"]}


def meaning(parts: Mapping[str, pl.Series]) -> dict[str, pl.Series]:
    """The action and the outcome of what `take_apart` gives."""
    asked = parts["asked"].is_not_null()
    return {"action": where(asked, "request"), "outcome": of_status(parts["status"])}


def where_not(condition: pl.Series, text: pl.Series) -> pl.Series:
    """A text, but where something holds."""
    return pl.select(pl.when(~condition).then(text)).to_series()


def put(text: pl.Series, rows: pl.Series, others: pl.Series) -> pl.Series:
    """A series with other values in some rows, which ascend."""
    if len(others) == len(text):
        return others
    place = np.arange(len(text))
    place[rows.to_numpy()] = np.arange(len(others)) + len(text)
    return pl.concat([text, others]).gather(place)
