"""Tables in a MariaDB that holds other things, too, and lets not everyone do everything."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pymysql
import pytest

import mariadb_server
from mariadb_server import PrivateServer
from siemstress.config import Server
from siemstress.errors import StoreError, Unavailable
from siemstress.store.base import Advance, Scan
from siemstress.store.mariadb import database, upkeep
from siemstress.store.mariadb.database import MariaDB
from stores import START, Opener, ask, events, ids, put


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return mariadb_server.shared(tmp_path)


@pytest.fixture
def kind() -> str:
    return "mariadb"


def run(server: Server, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as root in the server's database; the rows of the last one."""
    connection = pymysql.connect(
        unix_socket=str(server.socket), user="root", database=server.database, autocommit=True
    )
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def user(server: Server, name: str, *rights: str) -> Server:
    """Another user of the server's database, with these rights."""
    account = f"'{name}_{server.database}'@'localhost'"
    run(server, f"CREATE OR REPLACE USER {account}")
    for right in rights:
        run(server, f"GRANT {right} ON `{server.database}`.* TO {account}")
    return dataclasses.replace(server, user=f"{name}_{server.database}")


# --- what is there already


OF_OLD = "CREATE TABLE Auth (Id int, DateStamp timestamp, Message text)"


def test_a_table_that_is_not_ours_is_left_alone(opened: Opener, server: Server) -> None:
    store = opened()
    run(server, OF_OLD, "INSERT INTO Auth (Id, Message) VALUES (1, 'kept')")
    with pytest.raises(StoreError, match=r"Auth.*RENAME.*import-old"):
        put(store, "Auth", events(2))
    store.drop("Auth")
    store.compact("Auth")
    assert (store.tables(), store.version("Auth"), store.status("Auth")) == ([], None, None)
    assert ids(store, "Auth") == []
    assert run(server, "SELECT Id, Message FROM Auth") == [(1, "kept")]
    run(server, "RENAME TABLE Auth TO OldAuth")
    put(store, "Auth", events(2))
    assert ids(store, "Auth") == [0, 1]


def test_a_table_put_in_the_place_of_ours_is_left_alone(opened: Opener, server: Server) -> None:
    store = opened()
    put(store, "Auth", events(2))
    run(server, "DROP TABLE Auth", OF_OLD, "INSERT INTO Auth (Id, Message) VALUES (1, 'kept')")
    with pytest.raises(StoreError):
        put(store, "Auth", events(2, first=2))
    store.drop("Auth")
    assert store.tables() == []
    assert run(server, "SELECT Id, Message FROM Auth") == [(1, "kept")]


def test_a_table_half_made_is_made_anew(opened: Opener, server: Server) -> None:
    run(server, "CREATE TABLE Auth (id int) COMMENT 'siemstress 0123'")
    store = opened()
    put(store, "Auth", events(2))
    assert ids(store, "Auth") == [0, 1]


def test_a_table_of_ours_that_nothing_is_known_of_is_left_alone(
    opened: Opener, server: Server
) -> None:
    store = opened()
    put(store, "Auth", events(2))
    run(server, "DELETE FROM siemstress_tables")
    with pytest.raises(StoreError, match="not in siemstress_tables"):
        put(store, "Auth", events(2, first=2))
    assert run(server, "SELECT count(*) FROM Auth") == [(2,)]


def test_deleting_that_was_broken_off_is_finished(opened: Opener, server: Server) -> None:
    for finish in (
        lambda store: store.compact("Access"),
        lambda store: store.drop("Auth"),
        lambda store: put(store, "Auth", events(1, first=7)),
    ):
        store = opened()
        put(store, "Access", events(0))
        store.commit("Auth", store.stage("Auth", events(2)), [Advance("x", None, 2)])
        run(server, "UPDATE siemstress_tables SET dropped = true WHERE name = 'Auth'")
        assert store.tables() == ["Access"]
        assert (store.position("Auth", "x"), ids(store, "Auth")) == (None, [])
        finish(store)
        assert store.position("Auth", "x") is None
        assert ids(store, "Auth") in ([], [7])
        assert run(server, "SELECT count(*) FROM siemstress_tables WHERE dropped") == [(0,)]
        store.drop("Auth")


@pytest.mark.parametrize("name", ["siemstress_tables", "Siemstress_Commits", "siemstress_ids"])
def test_our_own_tables_hold_no_events(opened: Opener, name: str) -> None:
    store = opened()
    put(store, "Auth", events(1))
    for attempt in (lambda: put(store, name, events(1)), lambda: store.drop(name)):
        with pytest.raises(StoreError, match="siemstress itself"):
            attempt()
    assert store.tables() == ["Auth"]


@pytest.mark.parametrize("columns", ["", "null", "[]", '{"id": "longer"}', '{"id": [1]}', "\\0"])
def test_nonsense_in_our_own_tables_is_one_line(
    opened: Opener, server: Server, columns: str
) -> None:
    store = opened()
    put(store, "Auth", events(1))
    run(server, f"UPDATE siemstress_tables SET columns = '{columns}'")  # noqa: S608
    with pytest.raises(StoreError, match="makes no sense"):
        store.columns("Auth")


# --- rights


def test_who_may_only_read_makes_nothing(opened: Opener, server: Server) -> None:
    reader = MariaDB(user(server, "reader", "SELECT"))
    assert (reader.tables(), reader.version("Auth"), reader.load_text("x")) == ([], None, None)
    assert reader.position("Auth", "x") is None
    assert ids(reader, "Auth") == []
    put(opened(), "Auth", events(2))
    assert (reader.tables(), ids(reader, "Auth")) == (["Auth"], [0, 1])
    status = reader.status("Auth")
    assert status is not None
    assert status.rows == 2
    with pytest.raises(StoreError, match="denied"):
        put(reader, "Auth", events(1, first=2))
    with pytest.raises(StoreError, match="denied"):
        reader.drop("Auth")
    assert ids(opened(), "Auth") == [0, 1]
    reader.close()


def test_few_rights_are_enough_to_write(opened: Opener, server: Server) -> None:
    put(opened(), "Auth", events(1))
    opened().take_ids(1)
    writer = MariaDB(user(server, "writer", "SELECT", "INSERT", "UPDATE"))
    writer.take_ids(5)
    staged = writer.stage("Auth", events(2, first=1))
    writer.commit("Auth", staged, [Advance("x", None, 1)])
    writer.commit("Auth", [], [Advance("x", 1, 2)])
    assert (ids(writer, "Auth"), writer.position("Auth", "x")) == ([0, 1, 2], 2)
    with pytest.raises(StoreError, match="denied"):
        put(writer, "Access", events(1))
    with pytest.raises(StoreError, match="denied"):
        writer.drop("Auth")
    assert ids(writer, "Auth") == [0, 1, 2]
    writer.close()


# --- values


def test_without_load_data_rows_are_inserted(opened: Opener, server: Server) -> None:
    texts = ["", "NULL", "\\N", 'a"b,c\n"', "\0\\", "é\U0001f600", None, "x" * 300_000, "'; --"]
    frame = events(
        len(texts),
        message=texts,
        host=texts,
        raw_bytes=[None, b"", b"\xff\x00\n\"'\\", *[b"x"] * 6],
        fields=[{t: t} if t else None for t in texts],
        parsed=[True, False, None] * 3,
    )
    store = opened()
    assert isinstance(store, MariaDB)
    put(store, "Loaded", frame)
    assert store.notes == []
    run(server, "SET GLOBAL local_infile = 0")
    try:
        put(store, "Inserted", frame)
        with pytest.raises(StoreError):
            put(store, "Inserted", frame.head(1))
    finally:
        run(server, "SET GLOBAL local_infile = 1")
    assert "local_infile" in store.notes[0]
    sql = "SELECT * FROM t ORDER BY id"
    found = ask(store, sql, t=Scan("Inserted"))
    assert found == ask(store, sql, t=Scan("Loaded"))
    assert [r["message"] for r in found] == texts


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"id": [3, 1, 4]}),
        pl.DataFrame({"id": [2, 3, 3]}),
        pl.DataFrame({"id": [2, None]}),
        pl.DataFrame({"message": ["no id"]}),
        pl.DataFrame({"id": [2], "score": [float("nan")]}),
        pl.DataFrame({"id": [2, 3], "score": [1.0, float("-inf")]}),
        pl.DataFrame({"id": [2], "a" * 65: ["long"]}),
        pl.DataFrame({"id": [2], "blank ": ["at the end"]}),
        pl.DataFrame({"id": [2], "\U0001f600": ["not in any alphabet"]}),
        events(2, first=2).with_columns(time=pl.lit(2**60).cast(pl.Datetime("us"))),
        events(2, first=2).with_columns(time=pl.lit(-(2**60)).cast(pl.Datetime("us"))),
    ],
    ids=lambda frame: ",".join(frame.columns)[:20],
)
def test_what_cannot_be_kept_is_refused_whole(opened: Opener, frame: pl.DataFrame) -> None:
    store = opened()
    version = store.commit(
        "Auth", store.stage("Auth", events(2).with_columns(id=pl.lit(1) + pl.col("id") * 9)), []
    )
    with pytest.raises(StoreError):
        store.commit("Auth", store.stage("Auth", frame), [Advance("x", None, 1)])
    assert (store.version("Auth"), store.position("Auth", "x")) == (version, None)
    assert ids(store, "Auth") == [1, 10]


def test_columns_of_every_type_come_back(opened: Opener) -> None:
    values: dict[str, list[Any]] = {
        "id": [1, 2],
        "time": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)],
        "100%s": ["a", None],
        "`tick` \"quote\" 'q'": ["b", "c"],
        "order": [2**63 - 1, -(2**63)],
        "narrow": [-(2**15), None],
        "single": [0.1, 3.4028234663852886e38],
        "double": [1.7976931348623157e308, 5e-324],
        "day": [date(1, 1, 1), date(9999, 12, 31)],
        "yes": [True, None],
        "bytes": [b"\xff\n", b""],
        "more": [{"k": None}, None],
    }
    types: dict[str, Any] = {
        "narrow": pl.Int16,
        "single": pl.Float32,
        "more": pl.Map(pl.String, pl.String),
    }
    frame = pl.DataFrame(values, schema_overrides=types)
    store = opened()
    put(store, "Auth", frame)
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in values)
    found = ask(store, f"SELECT {names} FROM t ORDER BY id", t=Scan("Auth"))  # noqa: S608
    wanted = [dict(row) for row in frame.iter_rows(named=True)]
    for row in found:
        row["more"] = dict(row["more"]) if row["more"] is not None else None
    for row in wanted:
        row["more"] = dict(row["more"]) if row["more"] is not None else None
    assert found == wanted


# --- others


def test_a_server_whose_names_have_no_case(tmp_path: Path) -> None:
    server = PrivateServer(tmp_path, [*mariadb_server.QUICK, "--lower-case-table-names=1"])
    store = MariaDB(server.address("d"))
    try:
        put(store, "Auth", events(2))
        with pytest.raises(StoreError, match="it is Auth"):
            put(store, "AUTH", events(1, first=2))
        assert store.tables() == ["Auth"]
        assert ids(store, "Auth") == [0, 1]
        store.drop("AUTH")
        put(store, "Auth", events(1, first=2, extra=1))
        assert ids(store, "Auth") == [0, 1, 2]
        store.drop("Auth")
        put(store, "AUTH", events(1))
        assert store.tables() == ["AUTH"]
    finally:
        store.close()
        server.kill()


def test_a_full_disk_is_waited_for(tmp_path: Path) -> None:
    full = ["--innodb-file-per-table=0", "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M"]
    server = PrivateServer(tmp_path, [*mariadb_server.QUICK, *full])
    store = MariaDB(server.address("d"))
    try:
        made = 0
        while True:
            frame = events(500, first=500 * made, message=["x" * 4000] * 500)
            staged = store.stage("Auth", frame)
            try:
                store.commit("Auth", staged, [Advance("x", made or None, made + 1)])
            except Unavailable as e:
                assert "full" in str(e)  # noqa: PT017
                break
            made += 1
            assert made < 50
        assert made
        assert (store.version("Auth"), store.position("Auth", "x")) == (made, made)
        assert ids(store, "Auth") == list(range(500 * made))
        assert store.expire("Auth", START + timedelta(seconds=250 * made)).rows
    finally:
        store.close()
        server.kill()


def test_locks_of_others_are_waited_for(
    opened: Opener, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {**database._SETTINGS, "lock_wait_timeout": 1, "innodb_lock_wait_timeout": 1}
    monkeypatch.setattr(database, "_SETTINGS", quick)
    store = opened()
    put(store, "Auth", events(2))
    staged = store.stage("Auth", events(2, first=2))
    other = pymysql.connect(unix_socket=str(server.socket), user="root", database=server.database)
    with other, other.cursor() as cursor:
        for lock in ("LOCK TABLES Auth READ", "SELECT 1 FROM siemstress_tables FOR UPDATE"):
            cursor.execute(lock)
            with pytest.raises(Unavailable, match=r"[Ll]ock"):
                store.commit("Auth", staged, [Advance("x", None, 1)])
            cursor.execute("UNLOCK TABLES")
            other.rollback()
    store.commit("Auth", staged, [Advance("x", None, 1)])
    assert (ids(store, "Auth"), store.version("Auth")) == ([0, 1, 2, 3], 2)


# --- the list of commits


def test_old_commits_are_told_apart_by_the_day(opened: Opener, server: Server) -> None:
    store = opened()
    versions = [put(store, "Auth", events(2, first=2 * n)) for n in range(12)]
    put(store, "Access", events(2))
    for low, high, days in ((1, 4, 50), (5, 8, 40)):
        run(
            server,
            f"UPDATE siemstress_commits SET committed = utc_timestamp() - INTERVAL {days} DAY"  # noqa: S608
            f" WHERE version BETWEEN {low} AND {high}",
        )
    assert store.compact("Auth")["log_entries"] == 6
    assert store.compact("Auth")["log_entries"] == 0
    assert ids(store, "Auth") == list(range(24))
    for n, version in enumerate(versions):
        new = ids(store, "Auth", after=version)
        # Of a day in the past all is new again to who has seen a part.
        first = {0: 0, 1: 8, 2: 16}[(n + 1) // 4] if n < 8 else 2 * n + 2
        assert new == list(range(first, 24))
        assert set(ids(store, "Auth", upto=version)) == set(range(24)) - set(new) - (
            set(range(2 * n + 2, 8 * (n // 4 + 1))) if n < 8 else set()
        )
    assert ids(store, "Access") == [0, 1]


def test_rows_of_others_between_stay_apart(opened: Opener, server: Server) -> None:
    store = opened()
    old = [put(store, "Auth", events(2, first=first)) for first in (0, 20, 2)]
    put(store, "Auth", events(2, first=10))
    run(
        server,
        "UPDATE siemstress_commits SET committed = utc_timestamp() - INTERVAL 40 DAY"  # noqa: S608
        f" WHERE version <= {old[-1]}",
    )
    store.compact("Auth")
    assert ids(store, "Auth", after=old[-1]) == [10, 11]
    assert ids(store, "Auth", after=old[0]) == [0, 1, 2, 3, 10, 11, 20, 21]
    assert ids(store, "Auth", upto=old[-1]) == [0, 1, 2, 3, 20, 21]
    assert run(server, "SELECT count(*) FROM siemstress_commits") == [(3,)]


def test_repair_counts_rows_anew(opened: Opener, server: Server) -> None:
    store = opened()
    put(store, "Auth", events(5))
    run(server, "DELETE FROM Auth WHERE id = 3")
    assert list(store.repair("Auth").done) == ["counted its rows anew: 4, not 5"]
    assert list(store.repair("Auth").done) == []
    run(server, "DROP TABLE Auth")
    (lost,) = store.repair("Auth").lost
    assert "exist" in lost


def test_retention_goes_in_small_steps(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_BATCH", 7)
    store = opened()
    put(store, "Auth", events(40))
    assert store.expire("Auth", START + timedelta(seconds=30)).rows == 30
    assert ids(store, "Auth") == list(range(30, 40))
