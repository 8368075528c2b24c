"""SQL over the lake's files, by DuckDB, in an empty in-memory database for every query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from siemstress.errors import QueryError, SiemstressError, StoreError
from siemstress.store import engines
from siemstress.store.base import Limits
from siemstress.store.dialect import text_of
from siemstress.store.jobs import Jobs
from siemstress.store.views import Relation, add_views, over

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from sqlglot import exp

T = TypeVar("T")


def answer(
    query: exp.Query,
    relations: Mapping[str, Relation],
    batch_rows: int,
    limits: Limits,
    held: ExitStack,
) -> pa.RecordBatchReader:
    """Run a query of ours over the relations; the result streams.

    `held` is what keeps the relations' files where they are; it is closed at the end.

    Raises:
        StoreError: the query failed.
        QueryError: it took longer than it may.

    """
    with held:
        question = Question(limits, StoreError, makes=False)
        question.at_close.push(held.pop_all())
    text = text_of(query)
    try:
        return question.stream(lambda: over(question.connection, text, relations), batch_rows)
    except BaseException:
        question.close()
        raise


def answer_typed(
    sql: str,
    relations: Mapping[str, Relation],
    batch_rows: int,
    limits: Limits,
    held: ExitStack,
) -> pa.RecordBatchReader:
    """Run one SELECT that a user typed, where nothing but the relations' files can be read.

    `held` is as for `answer`.

    Raises:
        QueryError: it is not one SELECT, or failed, or took longer than it may.

    """
    with held:
        question = Question(limits, QueryError)
        question.at_close.push(held.pop_all())
    try:
        question.run(lambda: add_views(question.connection, relations))
        question.run(lambda: question.lock_up([f for r in relations.values() for f in r.files]))
        question.run(lambda: question.check_one_select(sql))
        return question.stream(lambda: question.connection.sql(sql), batch_rows)
    except BaseException:
        question.close()
        raise


class Question:
    """One query's database, and the thread that asks it.

    The engine's errors come out as `error`, in one line. `stops` are called to stop what a job
    does, `at_close` ends what else belongs to the question. `makes` says that tables or views
    are made for it.
    """

    def __init__(self, limits: Limits, error: type[SiemstressError], *, makes: bool = True) -> None:
        self._error = error
        self._engine = engines.taken() if limits.memory is None else engines.Engine(limits.memory)
        self._own = limits.memory is not None
        """Whether the engine is for this question alone."""
        self.connection = self._engine.question()
        if makes:
            self._engine.make_database(self.connection)
        self.stops: list[Callable[[], None]] = [self.connection.interrupt]
        self.at_close = ExitStack()
        self._jobs = Jobs(limits.seconds, self._stop)

    def close(self) -> None:
        """Let go of the database."""
        self._jobs.close()
        self.at_close.close()
        if self._jobs.lost:
            self._engine.forsake()
            return
        self.connection.close()
        if self._own:
            self._engine.close()
        else:
            self._engine.give_back()

    def _stop(self) -> None:
        for stop in self.stops:
            stop()

    def lock_up(self, files: Sequence[str], changeable: Sequence[str] = ()) -> None:
        """From now on nothing but these files can be read, and no other setting be changed."""
        from sqlglot import exp

        self._own = True  # There is no way back.
        for setting, values in (("allowed_paths", files), ("allowed_configs", changeable)):
            texts = exp.Array(expressions=[exp.Literal.string(value) for value in values])
            self.connection.execute(f"SET {setting} = {texts.sql('duckdb')}")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def check_one_select(self, sql: str) -> None:
        """Raise QueryError unless the text is one statement that only reads."""
        import duckdb

        statements = self.connection.extract_statements(sql)
        if len(statements) != 1:
            raise QueryError(f"one SELECT is wanted, not {len(statements)} statements")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = str(statements[0].type).rpartition(".")[2]
            raise QueryError(f"a SELECT is wanted, not {kind}")

    def stream(
        self, answer: Callable[[], duckdb.DuckDBPyRelation], batch_rows: int
    ) -> pa.RecordBatchReader:
        """Begin an answer; the stream of its rows closes the question at its end."""
        reader = self.run(lambda: answer().to_arrow_reader(batch_rows))
        return self.streamed(reader.schema, lambda: next(reader, None))

    def streamed(
        self, schema: pa.Schema, following: Callable[[], pa.RecordBatch | None]
    ) -> pa.RecordBatchReader:
        """Batches, each the answer of a job, as a stream that closes the question at its end."""
        import pyarrow as pa

        batches = self._batches(following)
        next(batches)  # Into the generator's `try`: from here on it closes, used or not.
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _batches(
        self, following: Callable[[], pa.RecordBatch | None]
    ) -> Iterator[pa.RecordBatch | None]:
        try:
            yield None
            while (batch := self.run(following)) is not None:
                yield batch
        finally:
            self.close()

    def run(self, job: Callable[[], T]) -> T:
        """Have the engine's thread do a job, within the time that is left."""
        import duckdb

        try:
            return self._jobs.run(job)
        except (duckdb.Error, RuntimeError, OSError, ValueError) as e:
            raise self._error(one_line(e)) from e


def one_line(error: BaseException) -> str:
    """DuckDB's complaint without the quoted statement and the line breaks."""
    text = str(error).split("\n\nLINE ", 1)[0]
    return " ".join(text.split()) or type(error).__name__
