"""Where addresses are and whose they are, from files in MaxMind's format."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from siemstress.config.enrichment import GeoIP, mistake
from siemstress.enrich.entries import addition
from siemstress.enrich.watched import Watched, tell

if TYPE_CHECKING:
    from maxminddb import Reader

SIDES = (("source_host", "source"), ("dest_host", "destination"))
"""Columns with addresses, and what the names of fields about them begin with."""

_ADDRESS = r"^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$"
# So many addresses are kept in mind with what is known of them.
_KEPT = 1 << 18
Record = Mapping[str, Any]
Known = tuple[str | None, ...]


def _named(record: Record, name: str) -> str | None:
    """The English name of a part of a record; some makers have it as plain text."""
    part = record.get(name)
    if isinstance(part, dict):
        names = part.get("names")
        part = names.get("en") if isinstance(names, dict) else None
    return part if isinstance(part, str) else None


def _coded(record: Record, part: str, key: str) -> str | None:
    found = record.get(part)
    code = found.get(key) if isinstance(found, dict) else None
    return code if isinstance(code, str) else None


def _country(record: Record) -> str | None:
    return _coded(record, "country", "iso_code") or next(
        (
            code
            for name in ("country_code", "country")
            if isinstance(code := record.get(name), str) and len(code) == 2
        ),
        None,
    )


def _region(record: Record) -> Record:
    parts = record.get("subdivisions")
    first = parts[0] if isinstance(parts, list) and parts else None
    return first if isinstance(first, dict) else {}


def _region_code(record: Record) -> str | None:
    country, region = _country(record), _region(record).get("iso_code")
    return f"{country}-{region}" if country and isinstance(region, str) else None


def _place(record: Record) -> str | None:
    found = record.get("location")
    if not isinstance(found, dict):
        return None
    edges = found.get("latitude"), found.get("longitude")
    if not all(isinstance(edge, (int, float)) for edge in edges):
        return None
    return f"{edges[0]},{edges[1]}"


def _number(record: Record) -> str | None:
    found = record.get("autonomous_system_number", record.get("asn"))
    text = str(found).upper().removeprefix("AS") if isinstance(found, (int, str)) else ""
    return text if text.isdecimal() else None


def _organization(record: Record) -> str | None:
    for name in ("autonomous_system_organization", "as_name", "name"):
        if isinstance(found := record.get(name), str):
            return found
    return None


_GEO: dict[str, Callable[[Record], str | None]] = {
    "continent_code": lambda record: _coded(record, "continent", "code"),
    "country_iso_code": _country,
    "country_name": lambda record: _named(record, "country"),
    "region_iso_code": _region_code,
    "region_name": lambda record: _named({"region": _region(record)}, "region"),
    "city_name": lambda record: _named(record, "city"),
    "postal_code": lambda record: _coded(record, "postal", "code"),
    "timezone": lambda record: _coded(record, "location", "time_zone"),
    "location": _place,
}
_AS: dict[str, Callable[[Record], str | None]] = {
    "as.number": _number,
    "as.organization.name": _organization,
}


class _Database:
    """One file: what it knows of addresses, each looked up once."""

    def __init__(self, path: Path, fields: Mapping[str, Callable[[Record], str | None]]) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such file.

        """
        self._path = path
        self._fields = fields
        self._reader = _opened(path)
        self._lock = threading.Lock()
        self._is_broken = False
        self._forget()

    def _forget(self) -> None:
        # Many addresses share what is known of them; the first is nothing.
        self._numbers: dict[Known, int] = {(None,) * len(self._fields): 0}
        self._known: dict[str, int] = {}

    def find(self, addresses: Sequence[str]) -> tuple[pl.Series, dict[str, pl.Series]]:
        """What is known of addresses: each one's number, and for each field the numbers' values.

        A number is null where nothing is known.
        """
        with self._lock:
            if len(self._known) > _KEPT:
                self._forget()
            known = self._known
            numbers = [known[a] if a in known else self._find(a) for a in addresses]
            columns = zip(*self._numbers, strict=True)
            values = {
                name: pl.Series(column, dtype=pl.String)
                for name, column in zip(self._fields, columns, strict=True)
            }
        found = pl.Series(numbers, dtype=pl.Int64)
        return found.set(found == 0, None), values

    def _find(self, address: str) -> int:
        try:
            record = self._reader.get(address)
        except ValueError:
            record = None  # Of a version that the file does not have, or no address at all.
        except Exception as e:  # A broken file: the reader raises what it comes upon.
            record = None
            if not self._is_broken:
                tell(f"{self._path} is broken: {e}; some addresses are not found in it")
            self._is_broken = True
        number = 0
        if isinstance(record, dict):
            known = tuple(get(record) or None for get in self._fields.values())
            number = self._numbers.setdefault(known, len(self._numbers))
        self._known[address] = number
        return number


def _opened(path: Path) -> Reader:
    import maxminddb

    # A private copy: of a file that is mapped and then written over, a read ends the process.
    with tempfile.NamedTemporaryFile(prefix="siemstress-", suffix=".mmdb") as copy:
        with path.open("rb") as file:
            shutil.copyfileobj(file, copy, 1 << 20)
        copy.flush()
        try:
            return maxminddb.open_database(copy.name)
        except maxminddb.InvalidDatabaseError:
            raise ValueError("is no database in MaxMind's format, or broken") from None


class Places:
    """What the config's databases know of the addresses of a batch."""

    def __init__(self, item: GeoIP) -> None:
        """Read the databases.

        Raises:
            ConfigError: one cannot be used, or the library for them is not installed.

        """
        key = "asn" if item.database is None else "database"
        try:
            import maxminddb  # noqa: F401 - whether it is there
        except ImportError:
            raise mistake(item, key, "needs maxminddb: pip install 'siemstress[geoip]'") from None
        geo = {f"geo.{name}": _GEO[name] for name in item.fields}
        chosen = (("database", item.database, geo), ("asn", item.asn, _AS))
        self._watched = [
            Watched(path, partial(_Database, fields=fields), partial(mistake, item, key))
            for key, path, fields in chosen
            if path is not None
        ]

    def additions(self, events: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The entries for events."""
        columns = {side: events[name].cast(pl.String) for name, side in SIDES if name in events}
        texts = pl.concat([column.unique() for column in columns.values()]).unique().drop_nulls()
        addresses = texts.filter(texts.str.contains(_ADDRESS))
        if not len(addresses):
            return
        places = pl.DataFrame(
            {"value": addresses, "place": pl.int_range(len(addresses), eager=True)}
        )
        rows = {side: _rows(column, places) for side, column in columns.items()}
        plain = addresses.to_list()
        for watched in self._watched:
            number, fields = watched.now().find(plain)
            for side, row in rows.items():
                of_row = row.with_columns(number=number.gather(row["place"])).drop_nulls()
                for name, values in fields.items() if of_row.height else ():
                    value = values.gather(of_row["number"])
                    known = value.is_not_null()
                    yield addition(
                        of_row["row"].filter(known), f"{side}.{name}", value.filter(known)
                    )


def _rows(column: pl.Series, places: pl.DataFrame) -> pl.DataFrame:
    """The rows that have an address, and its place among the different ones."""
    values = pl.DataFrame({"value": column}).with_row_index("row").drop_nulls()
    return values.join(places, on="value").select("row", "place")
