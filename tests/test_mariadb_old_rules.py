"""Old rules' SQL, run by MariaDB itself on a table of the original's, and by us on ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

import duckdb
import pytest
from sqlglot import exp, parse_one

import mariadb_server
import test_mysql_translation as rules
from siemstress.config import Server
from siemstress.query.mysql import at, translate
from siemstress.store.base import Scan, rows
from siemstress.store.mariadb.connection import Connection
from siemstress.store.mariadb.database import MariaDB
from siemstress.store.mariadb.relation import relations
from siemstress.store.mariadb.translate import translate as in_mariadb
from siemstress.store.mariadb.translate_values import Untranslated
from stores import put

# The columns of the original's table that the rules speak of.
ORIGINAL = """
CREATE TABLE Auth (Id BIGINT PRIMARY KEY, DateStamp DATETIME(6), SourceHost VARCHAR(255),
Process VARCHAR(255), PID INT, Message VARCHAR(2000), DestHost VARCHAR(255), DestPort INT)
DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
"""
COLUMNS = ("id", "time", "host", "process", "pid", "message", "dest_host", "dest_port")
SCANS = {"Auth": Scan("Auth")}
# Beside the golden ones: what a folded comparison overlooks, and what it does not.
MORE = [
    "SELECT Id FROM Auth WHERE SourceHost = 'wÉB1   '",
    "SELECT Id FROM Auth WHERE SourceHost LIKE 'WÉB1_'",
    "SELECT Id FROM Auth WHERE SourceHost LIKE 'web1 ' OR Message LIKE '%ECHEC%'",
    "SELECT Id FROM Auth WHERE Process < 'SSHD' AND NOT Process = 'CRÓN'",
    "SELECT Id FROM Auth WHERE SourceHost NOT LIKE '%B1%' OR SourceHost IS NULL",
    "SELECT Id FROM Auth WHERE Message LIKE '%\\\\\\\\%' AND PID > 100 AND DestPort IN (22, 443)",
    "SELECT Id FROM Auth WHERE DateStamp BETWEEN '2026-03-05 10:10:00' AND '2026-03-05 10:40:08'",
]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """A database of the original's, whose clock stands."""
    found = duckdb.connect(":memory:")
    rules.events(found)
    connection = Connection(mariadb_server.shared(tmp_path_factory.mktemp("original")))
    connection.execute(ORIGINAL)
    names = ", ".join(COLUMNS)
    values = found.sql(f'SELECT {names} FROM "Auth"').fetchall()  # noqa: S608
    for row in values:
        connection.execute(f"INSERT INTO Auth VALUES ({', '.join(['%s'] * 8)})", row)  # noqa: S608
    connection.commit()
    # Without backslashes as the original's sessions had them, and its collation.
    connection.execute("SET NAMES utf8mb4 COLLATE utf8mb4_general_ci")
    connection.execute("SET timestamp = %s", (rules.NOW.replace(tzinfo=UTC).timestamp(),))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Server:
    return mariadb_server.shared(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def store(server: Server) -> Iterator[MariaDB]:
    found = duckdb.connect(":memory:")
    rules.events(found)
    made = MariaDB(server)
    put(made, "Auth", found.sql('SELECT * FROM "Auth"').pl())
    yield made
    made.close()


@pytest.mark.parametrize("sql", [*(g["sql"] for g in rules.GOLDEN), *MORE])
def test_the_same_rows_as_the_rule_has_there(
    store: MariaDB, original: Connection, sql: str
) -> None:
    query = at(translate(sql, rules.TABLES), rules.NOW)
    ours = ["\t".join(map(rules.shown, row.values())) for row in rows(store.select(query, SCANS))]
    table = sql.replace("FROM auth", "FROM Auth")
    theirs = ["\t".join(map(rules.shown, row)) for row in original.rows(table)]
    assert sorted(ours) == sorted(theirs)


def test_most_of_them_run_in_the_server(store: MariaDB, server: Server) -> None:
    connection = Connection(server)
    known = relations(connection, {name: Scan("Auth") for name in store.tables()})
    connection.close()
    left = []
    for sql in (*(g["sql"] for g in rules.GOLDEN), *MORE):
        query = parse_one(at(translate(sql, rules.TABLES), rules.NOW).sql("duckdb"), read="duckdb")
        assert isinstance(query, exp.Query)
        try:
            in_mariadb(query, known)
        except Untranslated as e:
            left.append(f"{e}: {sql}")
    assert len(left) <= 21, "\n".join(left)
