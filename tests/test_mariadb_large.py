"""Values that are larger than what a MariaDB server takes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import mariadb_server
from mariadb_server import PrivateServer
from siemstress.errors import StoreError, Unavailable
from siemstress.store.base import Advance, Scan
from siemstress.store.mariadb.database import MariaDB
from stores import ask, events, ids, put

SMALL = "--max-allowed-packet=64K"
LARGE = 3_000_000


def test_large_values_are_kept_whole_or_refused_in_one_line(tmp_path: Path) -> None:
    server = PrivateServer(tmp_path, [*mariadb_server.QUICK, SMALL])
    store = MariaDB(server.address("d"))
    columns: dict[str, Any] = {
        "message": ["m\n" * (LARGE // 2), "short"],
        "raw_bytes": [b'\xff"' * (LARGE // 2), None],
        "fields": [{'k"': '\\"\0' * (LARGE // 3)}, None],
    }
    try:
        put(store, "Auth", events(2, **columns))
        found = ask(store, f"SELECT {', '.join(columns)} FROM t WHERE id = 0", t=Scan("Auth"))  # noqa: S608
        assert {**found[0], "fields": dict(found[0]["fields"])} == {
            name: values[0] for name, values in columns.items()
        }
        server.execute("SET GLOBAL local_infile = 0")
        staged = store.stage("Auth", events(2, first=2, message=columns["message"]))
        with pytest.raises(StoreError, match="max_allowed_packet") as raised:
            store.commit("Auth", staged, [Advance("x", None, 1)])
        # Waiting would not help.
        assert not isinstance(raised.value, Unavailable)
        assert (ids(store, "Auth"), store.position("Auth", "x")) == ([0, 1], None)
        put(store, "Auth", events(300, first=10, message="m\\" * 400))
        assert len(ids(store, "Auth")) == 302
        server.execute("SET GLOBAL max_allowed_packet = 16777216")
        again = MariaDB(store.server)
        again.commit("Auth", staged, [Advance("x", None, 1)])
        assert ids(again, "Auth")[:4] == [0, 1, 2, 3]
        again.close()
    finally:
        store.close()
        server.kill()
