"""SQL over the lake's files, by DuckDB, in a fresh in-memory database for every query."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from siemstress.errors import QueryError, SiemstressError, StoreError
from siemstress.store.base import Limits
from siemstress.store.jobs import Jobs
from siemstress.store.views import Relation, add_views

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

T = TypeVar("T")

# DuckDB's own default is four fifths; other programs live on the machine too.
MEMORY_SHARE = 0.5
SPILL_SHARE = 0.5

# The bar would be drawn on standard error, whoever listens there.
_NO_BAR = "enable_progress_bar = false"


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
        question = Question(limits, StoreError)
        question.at_close.push(held.pop_all())
    try:
        question.run(lambda: add_views(question.connection, relations))
        return question.stream(query.sql("duckdb"), batch_rows)
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
        return question.stream(sql, batch_rows)
    except BaseException:
        question.close()
        raise


class Question:
    """One query's database, the thread that asks it, and the folder that it may spill into.

    The engine's errors come out as `error`, in one line. `stops` are called to stop what a job
    does, `at_close` ends what else belongs to the question.
    """

    def __init__(self, limits: Limits, error: type[SiemstressError]) -> None:
        import duckdb

        self._error = error
        self._spill = Path(tempfile.gettempdir()) / f"siemstress-{os.getpid()}-{id(self):x}"
        free = shutil.disk_usage(tempfile.gettempdir()).free
        self.connection = duckdb.connect(
            ":memory:",
            config={
                "temp_directory": str(self._spill),
                "max_temp_directory_size": f"{int(free * SPILL_SHARE)}B",
                "memory_limit": f"{limits.memory or _memory()}B",
                "python_enable_replacements": False,
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "allow_community_extensions": False,
                "allow_persistent_secrets": False,
            },
        )
        for setting in ("TimeZone = 'UTC'", "parquet_metadata_cache = true", _NO_BAR):
            self.connection.execute(f"SET {setting}")
        self.stops: list[Callable[[], None]] = [self.connection.interrupt]
        self.at_close = ExitStack()
        self._jobs = Jobs(limits.seconds, self._stop)

    def close(self) -> None:
        """Let go of the database and its spill folder."""
        self._jobs.close()
        self.at_close.close()
        if not self._jobs.lost:
            self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _stop(self) -> None:
        for stop in self.stops:
            stop()

    def lock_up(self, files: Sequence[str], changeable: Sequence[str] = ()) -> None:
        """From now on nothing but these files can be read, and no other setting be changed."""
        from sqlglot import exp

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

    def stream(self, sql: str, batch_rows: int) -> pa.RecordBatchReader:
        """Run a statement; the stream of its result closes the question at its end."""
        reader = self.run(lambda: self.connection.sql(sql).to_arrow_reader(batch_rows))
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


def _memory() -> int:
    """Bytes that a query may use where nothing else is said."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(256 << 20, int(pages * MEMORY_SHARE))


def one_line(error: BaseException) -> str:
    """DuckDB's complaint without the quoted statement and the line breaks."""
    text = str(error).split("\n\nLINE ", 1)[0]
    return " ".join(text.split()) or type(error).__name__
