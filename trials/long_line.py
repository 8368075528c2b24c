"""A line of gigabytes, from a file that is read, from one that is followed, and by TCP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlglot import exp, parse_one

from measure import peak
from siemstress.formats.layout import raw_expression
from siemstress.store.base import Bounds, Scan, rows
from trials.lines import numbered
from trials.place import BIN, TABLE, Place, connected, free_port
from trials.report import Tally

_MEGABYTE = 1 << 20
_BEHIND = 1000
"""Ordinary lines behind the long one."""
_AT_ONCE = 64 << 20
"""So much text is looked at at once, in bytes."""

_RAW = raw_expression().sql("duckdb")
_SIZES = f"SELECT id, source_path, octet_length(encode({_RAW})) AS size FROM t ORDER BY id"
_TEXT = f"SELECT encode({_RAW}) AS line FROM t ORDER BY id"


def long_line(place: Place, megabytes: int) -> Tally:
    """A line of so many megabytes; it is stored in parts, which together are the line.

    It is sent three times, and counts as one line each time; ordinary lines follow it.
    """
    place.configure(flush=2)
    files = {kind: place.folder / f"{kind}.log" for kind in ("read", "followed")}
    wanted = {kind: _write(path, kind, megabytes) for kind, path in files.items()}
    place.memory = peak([str(BIN / "siemparse"), "-c", place.config, "-q", files["read"]])
    port = free_port()
    process = place.start(
        "-q", "--follow", files["followed"], "--listen", f"tcp://127.0.0.1:{port}"
    )
    peer = connected(port, process)
    digest = hashlib.sha256()
    for data in _text("tcp", megabytes):
        peer.sendall(data)
        digest.update(data.replace(b"\n", b""))
    peer.close()
    wanted["tcp"] = digest.hexdigest()
    place.wait_for_last(dict.fromkeys(wanted, _BEHIND), process)
    place.stop(process)
    found = _stored(place)
    tally = place.tally(dict.fromkeys(wanted, _BEHIND))
    whole = sum(found.get(kind) == digest for kind, digest in wanted.items())
    parts = tally.stored - len(wanted) * _BEHIND
    return replace(
        tally,
        sent=tally.sent + len(wanted),
        stored=tally.stored - parts + whole,
        lost=tally.lost + len(wanted) - whole,
        damaged=tally.damaged - parts,
        note=f"3 lines of {megabytes:,} MB in {parts:,} parts",
    )


def _text(kind: str, megabytes: int) -> Iterator[bytes]:
    """The long line, a megabyte at a time, each with its number in it, and the lines behind it."""
    filling = bytes(range(33, 127)) * 11_156
    for number in range(megabytes):
        yield (b"%s %d " % (kind.encode(), number) + filling)[:_MEGABYTE]
    yield b"\n" + numbered(kind, 0, _BEHIND)


def _write(path: Path, kind: str, megabytes: int) -> str:
    """Write a file; the digest of its text without line ends."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for data in _text(kind, megabytes):
            file.write(data)
            digest.update(data.replace(b"\n", b""))
    return digest.hexdigest()


def _stored(place: Place) -> dict[str, str]:
    """The digest of all that is stored of each origin, in the order of ids."""
    digests = {kind: hashlib.sha256() for kind in ("read", "followed", "tcp")}
    with place.store() as store:

        def ask(sql: str, scan: Scan) -> Iterator[dict[str, object]]:
            query = parse_one(sql, dialect="duckdb")
            assert isinstance(query, exp.Query)
            with closing(store.select(query, {"t": scan}, batch_rows=64)) as reader:
                yield from rows(reader)

        for origin, first, last in _blocks(ask(_SIZES, Scan(TABLE))):
            kind = next((k for k in digests if f"/{k}.log" in origin), "tcp")
            condition = parse_one(f"id BETWEEN {first:d} AND {last:d}", dialect="duckdb")
            for row in ask(_TEXT, Scan(TABLE, Bounds(id_min=first, id_max=last), where=condition)):
                line = row["line"]
                assert isinstance(line, bytes)
                digests[kind].update(line)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def _blocks(sizes: Iterator[dict[str, object]]) -> list[tuple[str, int, int]]:
    """Runs of ids of one origin that hold little enough text: origin, first and last id."""
    blocks: list[tuple[str, int, int]] = []
    left, before = 0, ""
    for row in sizes:
        origin, number, size = str(row["source_path"]), int(str(row["id"])), int(str(row["size"]))
        if origin == before and size <= left:
            blocks[-1] = (origin, blocks[-1][1], number)
        else:
            blocks.append((origin, number, number))
            left = _AT_ONCE
        left, before = left - size, origin
    return blocks
