"""Lists of addresses, domains, hashes, users and URLs, and what of a batch is on them.

Each different value of a batch is looked up once, whatever the number of lines and lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from siemstress.config.enrichment import FIELDS, ListFile, mistake
from siemstress.enrich.addresses import Ranges, packed
from siemstress.enrich.entries import Entries, addition
from siemstress.enrich.indicators import HASH_LENGTHS, Indicators
from siemstress.enrich.reading import read_list
from siemstress.enrich.texts import Texts
from siemstress.enrich.watched import Watched

FIELD = "list"
"""The field that names the lists which an event is on."""

OTHERS_FIELD = "own.list"
"""What a field of that name which came with the line is called: nobody marks an event but us."""

HITS = {"row": pl.Int64, "value": pl.String, "number": pl.Int64}
_FOUND = {"value": pl.String, "number": pl.Int64}

# What is looked at for each kind: columns, and which fields (by a pattern for their names).
_ENDS = ("source_host", "dest_host")
_USUAL: dict[str, tuple[tuple[str, ...], str]] = {
    "address": (_ENDS, ""),
    "domain": (_ENDS, ""),
    "hash": ((), ""),
    "url": ((), ""),
    "user": (
        ("user_name",),
        r"(?i)user|acct|account|login|mail|sender|recipient|^(?:from|to|auid|uid)$",
    ),
}
# In a text in lower case: a name by itself or after an `@`, with a port or none, and one in a URL.
# Its last part has a letter, else it is an address.
_NAME = r"((?:[a-z0-9_-]+\.)+[0-9_-]*[a-z][a-z0-9_-]*)\.?"
_BY_ITSELF = rf"^(?:[^@\s]*@)?{_NAME}(?::[0-9]{{1,5}})?>?$"
_OF_URL = rf"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?{_NAME}(?::[0-9]+)?(?:[/?#].*)?$"
_HASH = rf"\b[0-9a-f]{{{min(HASH_LENGTHS)},{max(HASH_LENGTHS)}}}\b"
_LONGEST_NAME = 253


@dataclass(frozen=True)
class _Group:
    """Entries of one kind that are looked for in the same places.

    `ranges` are each list's by its number; `texts` are all lists'.
    """

    kind: str
    columns: tuple[str, ...]
    fields: tuple[str, ...] | str | None
    ranges: tuple[tuple[int, Ranges], ...]
    texts: Texts

    def look_up(self, values: pl.Series) -> pl.DataFrame:
        """Which of some different values are on lists, as `value` and `number`."""
        if self.kind == "address":
            addresses = packed(values)
            found = [(n, values.gather(r.look_up(addresses)[0])) for n, r in self.ranges]
            return _found(
                pl.DataFrame({"value": v}).select("value", number=pl.lit(n, pl.Int64))
                for n, v in found
            )
        if self.kind == "domain":
            return self._domains(values)
        lower = values.str.to_lowercase()
        if self.kind != "hash":
            hits = self.texts.look_up(lower)
            return hits.select(value=values.gather(hits["place"]), number="number")
        long = lower.str.len_bytes() >= min(HASH_LENGTHS)
        some = pl.DataFrame({"value": values, "hash": lower}).filter(long)
        apart = some.with_columns(pl.col("hash").str.extract_all(_HASH)).explode("hash")
        apart = apart.drop_nulls("hash")
        hits = self.texts.look_up(apart["hash"])
        return hits.select(value=apart["value"].gather(hits["place"]), number="number").unique()

    def _domains(self, values: pl.Series) -> pl.DataFrame:
        """Names that are on a list, or lie below one that is."""
        lower = values.str.to_lowercase()
        is_url = lower.str.contains("://", literal=True)
        named = [
            (values.filter(chosen), lower.filter(chosen).str.extract(pattern, 1))
            for chosen, pattern in ((~is_url, _BY_ITSELF), (is_url, _OF_URL))
        ]
        names = pl.concat([pl.DataFrame({"value": v, "name": n}) for v, n in named])
        names = names.filter(pl.col("name").str.len_bytes() <= _LONGEST_NAME)
        parts = []
        while names.height:
            hits = self.texts.look_up(names["name"])
            parts.append(hits.select(value=names["value"].gather(hits["place"]), number="number"))
            above = pl.col("name").str.replace(r"^[^.]*\.", "")
            names = names.with_columns(above).filter(pl.col("name").str.contains(".", literal=True))
        return _found(parts).unique()


@dataclass(frozen=True)
class _State:
    """What was read of the files, and the groups that it was put into."""

    read: list[Indicators]
    groups: list[_Group]


class Lists:
    """Lists by their files, which are read again when they change."""

    def __init__(self, files: Sequence[ListFile]) -> None:
        """Read the files.

        Raises:
            ConfigError: one cannot be used; says which, and why.

        """
        self._files = tuple(files)
        self.names = [item.name for item in self._files]
        self._watched = [
            Watched(
                item.path,
                partial(read_list, kind=item.kind, field=item.field),
                partial(mistake, item, "file"),
            )
            for item in self._files
        ]
        self._state = _State([], [])

    def read(self) -> list[Indicators]:
        """What each list holds now."""
        return [watched.now() for watched in self._watched]

    def hits(self, events: pl.DataFrame, entries: Entries) -> pl.DataFrame:
        """What of events is on lists: each find's row, value and list by its number."""
        batch = _Batch(events, entries)
        parts = []
        for group in self._now():
            found = group.look_up(batch.distinct(group))
            if found.height:
                parts += [part.join(found, on="value") for part in batch.values(group)]
        return _hits(parts)

    def marks(self, hits: pl.DataFrame, there: pl.DataFrame | None = None) -> pl.DataFrame:
        """The entries that name each row's lists, and those that `there` marks it with already."""
        names = pl.Series(self.names, dtype=pl.String).gather(hits["number"])
        found = pl.DataFrame({"row": hits["row"], "name": names, "number": hits["number"]})
        found = found.unique().sort("row", "number").drop("number")
        if there is not None:
            before = there.select(
                "row", name=pl.col("value").str.strip_chars('[]"').str.split('","')
            )
            found = pl.concat([before.explode("name"), found]).unique(maintain_order=True)
        marked = found.group_by("row", maintain_order=True).agg(_marked(pl.col("name")))
        return addition(marked["row"], FIELD, marked["name"])

    def _now(self) -> list[_Group]:
        state, read = self._state, self.read()
        if list(map(id, state.read)) != list(map(id, read)):
            state = self._state = _State(read, _groups(self._files, read))
        return state.groups


def _marked(names: pl.Expr) -> pl.Expr:
    """Names of lists in one text: a name, or a JSON array of several."""
    array = pl.concat_str(pl.lit('["'), names.str.join('","'), pl.lit('"]'))
    return pl.when(names.len() == 1).then(names.first()).otherwise(array.first())


class _Batch:
    """The values of a batch, in the columns and fields that groups look at."""

    def __init__(self, events: pl.DataFrame, entries: Entries) -> None:
        self._events = events
        self._entries = entries
        self._values: dict[object, pl.DataFrame] = {}
        self._distinct: dict[object, pl.Series] = {}

    def values(self, group: _Group) -> list[pl.DataFrame]:
        """What a group looks at, as `row` and `value`."""
        return [self._of(place) for place in self._places(group)]

    def distinct(self, group: _Group) -> pl.Series:
        """The different values that a group looks at."""
        places = tuple(self._places(group))
        if places not in self._distinct:
            values = [self._of(place)["value"] for place in places]
            joined = pl.concat([pl.Series("value", dtype=pl.String), *values])
            self._distinct[places] = joined.unique().drop_nulls()
        return self._distinct[places]

    def _places(self, group: _Group) -> list[object]:
        columns = [name for name in group.columns if name in self._events.columns]
        return [*columns, *([] if group.fields is None else [("fields", group.fields)])]

    def _of(self, place: object) -> pl.DataFrame:
        if place not in self._values:
            self._values[place] = self._read(place)
        return self._values[place]

    def _read(self, place: object) -> pl.DataFrame:
        if isinstance(place, str):
            value = self._events[place].cast(pl.String)
            row = pl.int_range(len(value), eager=True)
            return pl.DataFrame({"row": row, "value": value})
        frame = self._entries.frame
        wanted = place[1] if isinstance(place, tuple) else ""
        if isinstance(wanted, str):
            chosen = pl.col("key").str.contains(wanted) if wanted else pl.lit(value=True)
        else:
            chosen = pl.col("key").is_in(list(wanted))
        return frame.filter(chosen).select("row", "value")


def _found(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Finds among different values, together."""
    return pl.concat([pl.DataFrame(schema=_FOUND), *parts])


def _hits(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Finds together; without any a frame of their columns."""
    return pl.concat([pl.DataFrame(schema=HITS), *parts])


def _groups(files: Sequence[ListFile], read: Sequence[Indicators]) -> list[_Group]:
    """All entries, by their kinds and by where they are looked for."""
    kinds: dict[tuple[str, tuple[str, ...], tuple[str, ...] | str | None], list[int]] = {}
    for number, item in enumerate(files):
        for kind in (*(["address"] if read[number].ranges else []), *read[number].texts):
            kinds.setdefault((kind, *_places(item, kind)), []).append(number)
    groups = []
    for (kind, columns, fields), numbers in kinds.items():
        ranges = []
        if kind == "address":
            ranges = [(n, Ranges((r, n) for r in read[n].ranges)) for n in numbers]
        texts = [pl.Series(sorted(read[n].texts.get(kind, ())), dtype=pl.String) for n in numbers]
        of = [pl.Series([n]).new_from_index(0, len(t)) for n, t in zip(numbers, texts, strict=True)]
        table = Texts(pl.concat(texts), pl.concat(of))
        groups.append(_Group(kind, columns, fields, tuple(ranges), table))
    return groups


def _places(item: ListFile, kind: str) -> tuple[tuple[str, ...], tuple[str, ...] | str | None]:
    """The columns and fields that a list's entries of a kind are looked for in."""
    if item.columns is None:
        return _USUAL[kind]
    columns = tuple(name for name in item.columns if not name.startswith(FIELDS))
    fields = tuple(n.removeprefix(FIELDS) for n in item.columns if n.startswith(FIELDS))
    return columns, fields or None
