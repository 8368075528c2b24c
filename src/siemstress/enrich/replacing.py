"""Values in texts replaced by tokens, row by row, without a loop over rows.

A value is replaced where it stands as a word: with no letter or digit just before and behind it.
So a user called `a` does not make all texts unreadable.
"""

from __future__ import annotations

import numpy as np
import polars as pl

MOST = 100
"""So many places of a text become the whole token, further ones `*`: texts stay of their size."""

FORM = "form_"
"""What columns of other forms of a value begin with."""

HEX = "form_hex"
"""The same for forms that count within words, too: hexadecimal digits have no words."""

# Characters as JSON and URLs may write them; what is for the syntax stays as it is.
_ESCAPED = r"\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2}|\\/"
_SYNTAX = '"\\%'
# A letter or digit that is of a word, and not the end of what stands for one character.
_WORD = r"[\p{L}\p{N}]"
_ESCAPE = r"(?:\\[abfnrtv0]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9a-fA-F]{2}|#[0-7]{3})$"


def replaced(texts: pl.Series, secret: pl.DataFrame) -> pl.Series:
    """The texts with tokens for values.

    `secret` names the `row` of a text, the `value`, its `token`, and other forms that the value
    may have there, in columns that begin with `form_`. Where a text has the value in no form, but
    characters that are escaped, it is looked for once more behind the escapes.
    """
    out = texts
    forms = ["value", *(name for name in secret.columns if name.startswith(FORM))]
    known = texts.is_not_null()
    if not known.all():
        secret = secret.filter(known.gather(secret["row"]))
    for values in _turns(secret):
        found = np.zeros(len(texts), bool)
        for form in forms:
            some = values.select("row", "token", value=form).drop_nulls("value")
            out, rows = _replaced(out, some, words=not form.startswith(HEX))
            found[rows.to_numpy()] = True
        left = values.filter(pl.Series(~found[values["row"].to_numpy()]))
        out = _behind_escapes(out, left.select("row", "token", "value"))
    return out


def _turns(secret: pl.DataFrame) -> list[pl.DataFrame]:
    """One value of a row at a time, the longer ones first: they may hold the others."""
    if secret["row"].n_unique() == secret.height:
        return [secret] if secret.height else []
    ordered = secret.sort("row", pl.col("value").str.len_bytes(), descending=[False, True])
    turn = ordered.with_columns(turn=pl.int_range(pl.len()).over("row"))
    return turn.partition_by("turn", maintain_order=True)


def _replaced(
    texts: pl.Series, values: pl.DataFrame, *, words: bool
) -> tuple[pl.Series, pl.Series]:
    """The texts with tokens for values, one at most in a row; and the rows that had theirs."""
    frame = values.with_columns(text=texts.gather(values["row"]))
    frame = frame.filter(pl.col("text").str.contains(pl.col("value"), literal=True))
    if not frame.height:
        return texts, pl.Series([], dtype=pl.Int64)
    pieces = frame.select(
        "row", "token", "value", piece=pl.col("text").str.split(by=pl.col("value"))
    )
    # Most often there is one place, and it is a word.
    before, behind = pl.col("piece").list.first(), pl.col("piece").list.last()
    edges = before.str.tail(1) + behind.str.head(1)
    is_plain = (pl.col("piece").list.len() == 2) & ~edges.str.contains(_WORD)
    joined = pieces.with_columns(text=pl.col("piece").list.join(pl.col("token")), is_plain=is_plain)
    plain = joined.filter("is_plain").select("row", "text")
    if plain.height < pieces.height:
        others = _exchanged(joined.filter(~pl.col("is_plain")), words=words)
        plain = pl.concat([plain, others])
    rows = plain["row"].cast(pl.Int64)
    return (texts.scatter(rows, plain["text"]) if len(rows) else texts), rows


def _exchanged(frame: pl.DataFrame, *, words: bool) -> pl.DataFrame:
    """Rows with their `text` as it is then, from the `piece`s between the values.

    Those where the value is no word are left out.
    """
    length = frame["piece"].list.len().to_numpy().astype(np.int64)
    start = np.cumsum(length) - length
    pieces = frame.select("token", "value", "piece").explode("piece")
    first = np.zeros(pieces.height, bool)
    last = np.zeros(pieces.height, bool)
    first[start] = True
    last[start + length - 1] = True
    if words:
        # Beside a place stands a piece or, where that is empty, the value at the next place.
        before = pl.concat_str(
            pl.when(pl.lit(pl.Series(first))).then(pl.lit("")).otherwise("value"), "piece"
        )
        behind = pl.concat_str(
            "piece", pl.when(pl.lit(pl.Series(last))).then(pl.lit("")).otherwise("value")
        )
        begins, ends = (pl.col("value").str.contains(e) for e in (f"^{_WORD}", f"{_WORD}$"))
        joins = before.str.contains(f"{_WORD}$") & ~before.str.contains(_ESCAPE) & begins
        joins |= behind.shift(-1).fill_null("").str.contains(f"^{_WORD}") & ends
        place = ~pieces.select(joins).to_series().to_numpy() & ~last
    else:
        place = ~last
    total = np.cumsum(place)
    before_group = np.repeat(total[start] - place[start], length)
    is_token = pl.Series(place & (total - before_group <= MOST))
    between = (
        pl.when(pl.lit(pl.Series(last)))
        .then(pl.lit(""))
        .when(pl.lit(is_token))
        .then("token")
        .when(pl.lit(pl.Series(place)))
        .then(pl.lit("*"))
        .otherwise("value")
    )
    number = pl.Series(np.repeat(np.arange(frame.height), length))
    text = (
        pieces.select(n=number, text=pl.concat_str("piece", between))
        .group_by("n", maintain_order=True)
        .agg(pl.col("text").str.join(""))
    )["text"]
    any_place = np.add.reduceat(place, start) > 0
    return frame.select("row", text=text).filter(pl.Series(any_place))


def _behind_escapes(texts: pl.Series, values: pl.DataFrame) -> pl.Series:
    """The texts with tokens for values that are there with some of their characters escaped."""
    frame = values.with_columns(text=texts.gather(values["row"]))
    frame = frame.filter(pl.col("text").str.contains(_ESCAPED))
    if not frame.height:
        return texts
    characters = sorted(set("".join(frame["value"].to_list())) - set(_SYNTAX))
    plain = {"\\/": "/"}
    for character in characters:
        units = character.encode("utf-16-be", "replace").hex()
        plain["".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))] = character
        plain["".join(f"%{byte:02x}" for byte in character.encode("utf-8", "replace"))] = character
    text = frame["text"].str.replace_many(
        list(plain), list(plain.values()), ascii_case_insensitive=True
    )
    place = pl.int_range(frame.height, eager=True)
    fresh, found = _replaced(text, frame.select("token", "value", row=place), words=True)
    return texts.scatter(frame["row"].gather(found), fresh.gather(found)) if len(found) else texts
