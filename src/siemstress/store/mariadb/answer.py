"""Questions to the tables on a server.

DuckDB is the judge of the house dialect: every query is bound by it first, on empty tables. Where
MariaDB is known to give the same rows, it runs there; where not, DuckDB runs it on rows that are
pulled from the server, so that whatever the lake answers is answered here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from siemstress.config import Server
from siemstress.errors import QueryError, SiemstressError, StoreError
from siemstress.store.base import Limits, Scan
from siemstress.store.mariadb import pull
from siemstress.store.mariadb.reader import Reader
from siemstress.store.mariadb.relation import relations
from siemstress.store.read import Question

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp


def answer(
    server: Server, query: exp.Query, scans: Mapping[str, Scan], batch_rows: int, limits: Limits
) -> pa.RecordBatchReader:
    """Run a query of ours over the scans, in one snapshot; the result streams.

    Raises:
        Unavailable: the server cannot be reached, or went away.
        StoreError: the query failed.
        QueryError: it took longer than it may, or two scans have one name.

    """
    return _answer(server, query.sql("duckdb"), scans, batch_rows, limits, StoreError)


def answer_typed(
    server: Server, sql: str, scans: Mapping[str, Scan], batch_rows: int, limits: Limits
) -> pa.RecordBatchReader:
    """Run one SELECT that a user typed, where nothing but the scans can be read.

    Raises:
        Unavailable: the server cannot be reached, or went away.
        QueryError: it is not one SELECT, or failed, or took longer than it may.

    """
    return _answer(server, sql, scans, batch_rows, limits, QueryError)


def _answer(
    server: Server,
    sql: str,
    scans: Mapping[str, Scan],
    batch_rows: int,
    limits: Limits,
    error: type[SiemstressError],
) -> pa.RecordBatchReader:
    question = Question(limits, error)
    try:
        reader = Reader(server, limits)
        question.stops.append(reader.stop)
        question.at_close.callback(reader.close)
        asked = _Asked(question, reader, sql)
        question.run(lambda: asked.prepare(scans))
        if error is QueryError:
            question.run(lambda: question.lock_up([], pull.CHANGEABLE))
            question.run(lambda: question.check_one_select(sql))
        question.run(asked.pull)
        return question.stream(sql, batch_rows)
    except BaseException:
        question.close()
        raise


class _Asked:
    """The steps of one question, each a job of its own."""

    def __init__(self, question: Question, reader: Reader, sql: str) -> None:
        self._database = question.connection
        self._reader = reader
        self._sql = sql
        self._places: list[pull.Pulled] = []

    def prepare(self, scans: Mapping[str, Scan]) -> None:
        """Make the names known."""
        found = relations(self._reader.connection, scans)
        self._places = pull.add_tables(self._database, found)

    def pull(self) -> None:
        """Fetch what the query reads."""
        wanted = pull.wanted(self._database, self._sql, self._places)
        for place in self._places:
            if place.table in wanted:
                pull.pull(self._database, self._reader, place, wanted[place.table])
        self._reader.close()
