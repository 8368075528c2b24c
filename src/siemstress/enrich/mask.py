"""Values replaced by tokens that nobody can turn back, and that are the same for the same value.

A token is `masked` and 32 hexadecimal digits: BLAKE2b of the value with a key. The value goes out
of the event's texts, too: the message, the line where it is kept, and the other fields.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from siemstress.config.enrichment import FIELDS, TOKEN, Mask, mistake
from siemstress.enrich.entries import OURS, Entries
from siemstress.enrich.replacing import HEX, replaced
from siemstress.fields.maps import maps

_SHORTEST = 16
_LONGEST = 4096
# Bytes of a value whose hexadecimal digits are looked for.
_SHORTEST_HEX = 4
# Values that say nothing: empty, or of signs such as `-` alone.
_NOTHING = r"^[\x00-\x2f:-@\[-`{-\x7f]*$"
# So many values are kept in mind with their tokens.
_KEPT = 1 << 17


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        ValueError: it is not there, can be read by others, or holds too little; without the name.

    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(_LONGEST + 1).strip()
    except FileNotFoundError:
        raise ValueError(f"{path} is not there: siemmanage mask --make-key makes one") from None
    except OSError as e:
        raise ValueError(f"{path} cannot be read: {e.strerror}") from e
    if mode & 0o007:
        raise ValueError(f"{path} can be read by others; chmod 600 {path}")
    if not _SHORTEST <= len(text) <= _LONGEST:
        raise ValueError(f"{path} must hold {_SHORTEST} to {_LONGEST} bytes")
    return hashlib.blake2b(text, person=b"siemstress mask").digest()


def make_key(path: Path) -> None:
    """Write a new key, for nobody else to read; leaves one that is there alone.

    Raises:
        OSError: it cannot be written, or is there.

    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(file, "w", encoding="ascii") as out:
        out.write(secrets.token_hex(32) + "\n")
        out.flush()
        os.fsync(out.fileno())


def token(key: bytes, value: str) -> str:
    """The token of a value."""
    data = value.encode("utf-8", "surrogatepass")
    return "masked" + hashlib.blake2b(data, key=key, digest_size=16).hexdigest()


class Masker:
    """Masks events; may be used by many threads at once."""

    def __init__(self, item: Mask) -> None:
        """Read the key.

        Raises:
            ConfigError: it cannot be used.

        """
        try:
            self._key = read_key(item.key)
        except ValueError as e:
            raise mistake(item, "key", str(e)) from e
        self._columns = tuple(n for n in item.columns if not n.startswith(FIELDS))
        self._fields = tuple(n.removeprefix(FIELDS) for n in item.columns if n.startswith(FIELDS))
        self._token = partial(token, self._key)
        self._known: dict[str, str] = {}

    def mask(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events with tokens in the place of values, in columns, fields and texts."""
        rows = pl.int_range(events.height, eager=True)
        found = [
            pl.DataFrame({"row": rows, "value": events[name].cast(pl.String)})
            for name in self._columns
        ]
        entries = Entries(events["fields"])
        if self._fields:
            named = pl.col("key").is_in(self._fields)
            found.append(entries.frame.filter(named).select("row", "value"))
        # What is a token already came from another siemparse, or is read again.
        secret = pl.concat(found).filter(
            pl.col("value").is_not_null(),
            ~pl.col("value").str.contains(_NOTHING),
            ~pl.col("value").str.contains(rf"^(?:{TOKEN})$"),
        )
        if not secret.height:
            return events
        tokens = self._tokens(secret["value"].unique())
        secret = secret.unique(maintain_order=True).join(tokens, on="value", maintain_order="left")
        masked = events.with_columns(_exchanged(events[name], tokens) for name in self._columns)
        fields = _fields(entries, secret, tokens, self._fields)
        return masked.with_columns(
            replaced(events["message"], secret),
            replaced(events["raw"], secret),
            # Bytes that are no text cannot be searched for a value as it was read.
            pl.when(pl.lit(~rows.is_in(secret["row"].implode())))
            .then("raw_bytes")
            .alias("raw_bytes"),
            fields.alias("fields"),
        )

    def _tokens(self, values: pl.Series) -> pl.DataFrame:
        """The tokens of different values, and the other forms that these have in lines."""
        if len(self._known) > _KEPT:
            self._known = {}
        known, made = self._known, self._token
        texts = values.to_list()
        tokens = [known.get(text) or known.setdefault(text, made(text)) for text in texts]
        return pl.DataFrame({"value": values, "token": tokens, **_forms(values, texts)})


def _forms(values: pl.Series, texts: Sequence[str]) -> dict[str, pl.Series]:
    """How values may stand in lines otherwise than as they were read; null where that is no other.

    In small letters, in capitals, with a capital first, in JSON, in a URL, as hexadecimal digits.
    """
    plain = values.str.contains(r"^[A-Za-z0-9_.-]*$")
    odd = [text for text, is_plain in zip(texts, plain, strict=True) if not is_plain]
    places = plain.not_().arg_true()

    def scattered(forms: list[str]) -> pl.Series:
        frame = pl.DataFrame({"place": places, "form": pl.Series(forms, dtype=pl.String)})
        every = pl.DataFrame({"place": pl.int_range(len(values), eager=True)})
        cast = frame.with_columns(pl.col("place").cast(pl.Int64))
        return every.join(cast, on="place", how="left", maintain_order="left")["form"]

    forms = {
        "form_lower": values.str.to_lowercase(),
        "form_upper": values.str.to_uppercase(),
        "form_title": values.str.to_titlecase(),
        "form_json": scattered([json.dumps(text, ensure_ascii=False)[1:-1] for text in odd]),
        "form_ascii": scattered([json.dumps(text)[1:-1] for text in odd]),
        "form_url": scattered([quote(text, safe="", errors="replace") for text in odd]),
        HEX: _hex(values).str.to_uppercase(),
        f"{HEX}_lower": _hex(values),
    }
    return {name: form.zip_with(form != values, _nothing(form)) for name, form in forms.items()}


def _hex(values: pl.Series) -> pl.Series:
    """Hexadecimal digits of values; of the shortest there are none, they would be everywhere."""
    digits = values.cast(pl.Binary).bin.encode("hex")
    return digits.zip_with(values.str.len_bytes() >= _SHORTEST_HEX, _nothing(digits))


def _nothing(like: pl.Series) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, len(like))


def _exchanged(column: pl.Series, tokens: pl.DataFrame) -> pl.Series:
    """A column with tokens in the place of whole values."""
    values = pl.DataFrame({"value": column.cast(pl.String)})
    found = values.join(
        tokens.select("value", "token"), on="value", how="left", maintain_order="left"
    )
    return found.select(pl.coalesce("token", "value").alias(column.name)).to_series()


def _fields(
    entries: Entries, secret: pl.DataFrame, tokens: pl.DataFrame, names: Sequence[str]
) -> pl.Series:
    """The maps, with tokens for the fields that are masked, and no masked value in the others."""
    frame = entries.frame
    named = frame["key"].is_in(list(names))
    whole = _exchanged(frame["value"], tokens)
    # Only of rows in which anything is masked, and not what was added to them.
    is_masked = np.zeros(entries.count, bool)
    is_masked[secret["row"].to_numpy()] = True
    key = frame["key"].unique()
    others = key.filter(~key.str.contains(OURS) & ~key.is_in(list(names)))
    wanted = frame["key"].is_in(others.implode()) & pl.Series(is_masked[frame["row"].to_numpy()])
    apart = pl.DataFrame(
        {"place": wanted.arg_true().cast(pl.Int64), "row": frame["row"].filter(wanted)}
    )
    again = apart.join(secret, on="row", maintain_order="left").drop("row").rename({"place": "row"})
    text = replaced(frame["value"], again)
    return maps(frame.with_columns(value=text.zip_with(~named, whole)), entries.count)
