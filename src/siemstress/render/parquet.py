"""Rows as a Parquet file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from siemstress.render.lines import unique

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 131_072
GROUP_BYTES = 64 << 20


class Parquet:
    """Writes batches to a binary stream as one Parquet file."""

    def __init__(self, schema: pa.Schema, out: BinaryIO) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        names = unique(schema.names)
        fields = [field.with_name(name) for field, name in zip(schema, names, strict=True)]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(out, self._schema, compression="zstd")
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch's rows; they are held until a row group is full."""
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last rows and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            batches = [
                pa.RecordBatch.from_arrays(b.columns, schema=self._schema) for b in self._held
            ]
            self._writer.write_table(pa.Table.from_batches(batches), row_group_size=GROUP_ROWS)
        self._held, self._rows, self._bytes = [], 0, 0
