"""Questions to the tables on a server.

DuckDB is the judge of the house dialect: every query is bound by it first, on empty tables. Where
MariaDB is known to give the same rows, it runs there; where not, DuckDB runs it on rows that are
pulled from the server, so that whatever the lake answers is answered here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from siemstress.config import Server
from siemstress.errors import QueryError, SiemstressError, StoreError, Unavailable
from siemstress.store.base import Limits, Scan
from siemstress.store.dialect import text_of
from siemstress.store.mariadb import pull, reading
from siemstress.store.mariadb.narrowing import limited_inside, narrowed, row_by_row
from siemstress.store.mariadb.reader import Reader, typed
from siemstress.store.mariadb.relation import Relation, relations
from siemstress.store.mariadb.translate import Translated, translate
from siemstress.store.mariadb.translate_values import Untranslated, fits
from siemstress.store.read import Question

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

_log = logging.getLogger(__name__)


def answer(
    server: Server, query: exp.Query, scans: Mapping[str, Scan], batch_rows: int, limits: Limits
) -> pa.RecordBatchReader:
    """Run a query of ours over the scans, in one snapshot; the result streams.

    Raises:
        Unavailable: the server cannot be reached, or went away.
        StoreError: the query failed.
        QueryError: it took longer than it may, or two scans have one name.

    """
    return _answer(server, text_of(query), scans, batch_rows, limits, StoreError)


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
        query = question.run(lambda: asked.read(typed=error is QueryError))
        streamed = question.run(lambda: asked.streamed(query, batch_rows))
        if streamed is not None:
            schema, batches = streamed
            return question.streamed(schema, lambda: next(batches, None))
        question.run(lambda: asked.pull(query))
        return question.stream(lambda: question.connection.sql(sql), batch_rows)
    except BaseException:
        question.close()
        raise


class _Asked:
    """The steps of one question, each a job of its own."""

    def __init__(self, question: Question, reader: Reader, sql: str) -> None:
        self._database = question.connection
        self._reader = reader
        self._sql = sql
        self._relations: dict[str, Relation] = {}
        self._places: list[pull.Pulled] = []

    def prepare(self, scans: Mapping[str, Scan]) -> None:
        """Make the names known."""
        self._relations = relations(self._reader.connection, scans)
        self._places = pull.add_tables(self._database, self._relations)

    def read(self, *, typed: bool) -> exp.Query | None:
        """The query as a tree, if it is known that DuckDB reads the text in the same way."""
        query = reading.tree(self._database, self._sql, check=typed)
        return None if query is None else limited_inside(query)

    def streamed(
        self, query: exp.Query | None, batch_rows: int
    ) -> tuple[pa.Schema, Iterator[pa.RecordBatch]] | None:
        """The answer as it comes from the server; None where all must be there before."""
        bound = self._database.sql(self._sql)
        types = [str(kind) for kind in bound.types]
        if query is None:
            return None
        schema = bound.limit(0).to_arrow_table().schema
        batches = self._native(query, types, schema, batch_rows)
        if batches is None:
            batches = self._in_pieces(query, schema, batch_rows)
        return None if batches is None else (schema, batches)

    def _native(
        self, query: exp.Query, types: Sequence[str], schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch] | None:
        """The answer of the server; None where it is not known to be DuckDB's."""
        try:
            found = translate(query, self._relations)
        except Untranslated as e:
            _log.debug("pulled for %s: %s", e, self._sql)
            return None
        if not all(map(fits, (c.kind for c in found.columns), types)):
            return None
        batches = self._batches(found, types, schema, batch_rows)
        try:
            return chain([next(batches)], batches)
        except StopIteration:
            return iter(())
        except Unavailable:
            raise
        except StoreError as e:
            _log.debug("pulled after %s: %s", e, self._sql)
            return None

    def _batches(
        self, found: Translated, types: Sequence[str], schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        sql, values = found.sql.statement()
        binary = [kind == "BLOB" for kind in types]
        places = [f"c{n}" for n in range(len(types))]
        for arrays in self._reader.batches(sql, values, binary, batch_rows):
            rows = typed(self._database, arrays, types, places).to_arrow_table()
            for batch in rows.to_batches(batch_rows):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        self._reader.close()

    def _in_pieces(
        self, query: exp.Query, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch] | None:
        """DuckDB's answers to pieces of a table; None where it must see all rows at once."""
        called = row_by_row(query)
        place = next((p for p in self._places if p.name.lower() == str(called).lower()), None)
        return None if place is None else self._pieces(query, place, schema, batch_rows)

    def _pieces(
        self, query: exp.Query, place: pull.Pulled, schema: pa.Schema, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        columns = pull.wanted(self._database, self._sql, self._places).get(place.table, [])
        rows = narrowed(query, self._relations)[place.name]
        for _ in pull.pieces(self._database, self._reader, place, columns, rows):
            found = self._database.sql(self._sql).to_arrow_table()
            pull.empty(self._database, place)
            for batch in found.to_batches(batch_rows):
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        self._reader.close()

    def pull(self, query: exp.Query | None) -> None:
        """Fetch what the query reads."""
        columns = pull.wanted(self._database, self._sql, self._places)
        rows = narrowed(query, self._relations)
        for place in self._places:
            if place.table in columns:
                wanted = columns[place.table]
                pull.pull(self._database, self._reader, place, wanted, rows[place.name])
        self._reader.close()
