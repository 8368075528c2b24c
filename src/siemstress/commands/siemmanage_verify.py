"""siemmanage verify and anchor: whether what is stored is what was stored."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.config import Config
from siemstress.errors import ConfigError, QueryError, StoreError
from siemstress.render.text import visible
from siemstress.store.base import Store
from siemstress.store.retention import counted

if TYPE_CHECKING:
    from siemstress.store.chain_anchor import Anchor
    from siemstress.store.chain_verify import Verdict
    from siemstress.store.lake import Lake


def add_verify_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage verify`, beside `--section`."""
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="FILE|HEAD",
        help="what siemmanage anchor printed, as a file, or its head alone; may be given again",
    )
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="the anchors must be signed by this Ed25519 key (PEM)",
    )


def add_anchor_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `siemmanage anchor`, beside `--section`."""
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="sign with this Ed25519 private key (PEM)"
    )


def verify(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Verify one section's table or all; 1 where something is not as it was."""
    from siemstress.store.chain_verify import verify as verify_table

    lake = _lake(store)
    anchors = _anchors(options)
    tables = _tables(config, store, options.section)
    if options.section is None:
        tables += sorted({a.table for a in anchors if a.table is not None} - set(tables))
        if len(tables) != 1 and any(a.table is None for a in anchors):
            raise QueryError("a head alone says nothing of its table: say which with --section")
    if not tables:
        print("nothing stored")
    status = 0
    for table in tables:
        wanted = [a for a in anchors if a.table in (None, table)]
        if table not in lake.tables():
            if wanted:
                say(f"siemmanage: {table}: is gone; an anchor of it is there")
                status = 1
            else:
                print(visible(f"{table}: nothing stored"))
            continue
        if options.anchor and not wanted:
            say(f"siemmanage: {table}: none of the anchors is of this table")
            status = 1
        verdict = verify_table(lake.folder, table, wanted)
        if verdict.fault is not None:
            say(f"siemmanage: {table}: {verdict.fault}")
            status = 1
        else:
            print(visible(f"{table}: {summary(verdict)}"))
    return status


def anchor(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Print the heads of one section's table or of all, a line of JSON each."""
    from siemstress.store.chain_anchor import Anchor, now, private_key
    from siemstress.store.chain_verify import head

    lake = _lake(store)
    key = private_key(options.key) if options.key is not None else None
    printed = 0
    for table in _tables(config, store, options.section):
        found = head(lake.folder, table)
        if found is None:
            continue
        seal, identity = found
        line = Anchor(seal.head, table, seal.version, identity, now())
        if key is not None:
            line = replace(line, signature=key.sign(line.signed_bytes()))
        print(line.line())
        printed += 1
    if not printed:
        raise StoreError("nothing is stored yet")
    return 0


def summary(verdict: Verdict) -> str:
    """What was found in a table that is as it was, in one line."""
    parts = [
        f"as it was stored: versions {verdict.first} to {verdict.last}",
        counted(verdict.rows, "event"),
        f"{counted(verdict.files, 'file')} of {verdict.bytes / 1e6:,.1f} MB",
    ]
    if verdict.expired:
        parts.append(f"{counted(verdict.expired, 'event')} deleted by retention")
    if verdict.reparsed:
        parts.append(f"{counted(verdict.reparsed, 'event')} in files written anew by reparse")
    if verdict.anchors:
        parts.append(f"through {counted(verdict.anchors, 'anchor')}")
    if verdict.sealed is None:
        parts.append("not sealed yet")
    elif verdict.sealed < verdict.last:
        parts.append(f"sealed up to version {verdict.sealed}")
    if verdict.older:
        parts.append(f"{counted(verdict.older, 'file')} older than the chain not checked")
    if verdict.unnamed:
        parts.append(f"{counted(verdict.unnamed, 'file')} left over by what was killed")
    return ", ".join(parts)


def _anchors(options: argparse.Namespace) -> list[Anchor]:
    from siemstress.store.chain_anchor import public_key, read_anchors, wrongly_signed

    anchors = [anchor for text in options.anchor for anchor in read_anchors(text)]
    if options.public_key is not None:
        if not anchors:
            raise QueryError("--public-key is for anchors: give one with --anchor")
        wrong = wrongly_signed(anchors, public_key(options.public_key))
        if wrong is not None:
            raise StoreError(f"the anchor {wrong.head.hex()[:16]} is not signed by this key")
    return anchors


def _lake(store: Store) -> Lake:
    from siemstress.store.lake import Lake

    if not isinstance(store, Lake):
        raise ConfigError("only the lake has a chain, and the store is MariaDB", key="server")
    return store


def _tables(config: Config, store: Store, section: str | None) -> list[str]:
    return store.tables() if section is None else [config.section(section).table]
