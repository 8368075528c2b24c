"""Run the samples of formats and message tables, and tell what comes out otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from siemstress.config.format_files import read_all
from siemstress.errors import ConfigError
from siemstress.fields.events import EventBuilder, Origin
from siemstress.fields.own import own_tables
from siemstress.fields.tables import NUMBER_COLUMNS, TEXT_COLUMNS, Table, tables
from siemstress.formats.auto import Reader
from siemstress.formats.base import Format, Sample, formats
from siemstress.formats.clock import Clock
from siemstress.formats.header import unread
from siemstress.formats.stamps import NO_TIME
from siemstress.ingest.own_formats import Known, usable
from siemstress.sources.chunks import ByteStream
from siemstress.sources.lines import of_bytes

CLOCK = Clock(int(datetime(2017, 12, 31, 23, tzinfo=UTC).timestamp()) * 1_000_000)
"""What samples are read by: stamps without a year are of 2017, those without a zone of UTC."""

_ORIGIN = Origin(0, 0, None, "")


@dataclass(frozen=True)
class Checked:
    """A format or table: its name, its file (None: ours), how many samples it has, what differs."""

    name: str
    file: Path | None
    samples: int
    differences: Sequence[str] = ()


@dataclass
class Check:
    """What came out of all: the files that are broken, and the rest sample by sample."""

    problems: list[ConfigError] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)


def check(paths: Sequence[Path] | None = None, *, builtin: bool = False) -> Check:
    """Check the user's files (None: in the usual places), with `builtin` all of ours as well."""
    documents, problems = read_all(paths)
    known = usable(documents)
    checker = _Checker(known)
    result = Check([*problems, *known.problems])
    for name, document in known.files.items():
        result.checked.append(checker.of_format(known.formats[name], document.path))
    for document in documents:
        for table in own_tables([document])[0] if "programs" in document.keys else ():
            result.checked.append(checker.of_table(table, document.path))
    if builtin:
        ours = formats(own=False).values()
        result.checked += [checker.of_format(f, None) for f in ours if f.name not in known.files]
        result.checked += [checker.of_table(table, None) for table in tables(own=False)]
    return result


class _Checker:
    """Reads samples by all that is known."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._builder = EventBuilder(known.tables)
        self._auto = Reader("auto", known.formats)

    def of_format(self, item: Format, file: Path | None) -> Checked:
        differences = [*self._in_lines(item)] if item.samples else ["has no samples"]
        return Checked(item.name, file, len(item.samples), differences)

    def of_table(self, table: Table, file: Path | None) -> Checked:
        name = f"messages of {', '.join(table.programs)}"
        differences = [*self._in_messages(table)] if table.samples else ["has no samples"]
        return Checked(name, file, len(table.samples), differences)

    def _in_lines(self, item: Format) -> Iterator[str]:
        alone = Reader(item.name, self._known.formats)
        for number, sample in enumerate(item.samples, 1):
            where = f"sample {number}"
            row = self._event(alone, sample.line)
            if not row["parsed"]:
                yield f"{where} is not read"
                continue
            for difference in _differences(row, sample):
                yield f"{where}: {difference}"
            taken = (
                item.name if item.rank is None else self._event(self._auto, sample.line)["format"]
            )
            if taken != item.name:
                yield f"{where} is taken by the format {taken!r} where none is named"

    def _event(self, reader: Reader, line: str) -> dict[str, Any]:
        data = f"{line}\n".encode()
        if reader.unpack is not None:
            data = _all_of(reader.unpack(BytesIO(data)))
        ((rows, header),) = reader.read(of_bytes(data), CLOCK)
        header.time = np.where(header.time == NO_TIME, CLOCK.reference, header.time)
        row = self._builder.build(header, rows, _ORIGIN).row(0, named=True)
        return {**row, **{f"fields.{name}": v for name, v in dict(row["fields"] or ()).items()}}

    def _in_messages(self, table: Table) -> Iterator[str]:
        """What differs; a column or field that is not expected must be empty."""
        data = "".join(f"{sample.message}\n" for sample in table.samples).encode()
        columns = (*TEXT_COLUMNS, *NUMBER_COLUMNS)
        for program in table.programs:
            header = unread(of_bytes(data))
            header.program = program
            header.time = np.zeros(len(header), np.int64)
            events = self._builder.build(header, np.arange(len(header)), _ORIGIN).sort("id")
            for number, row in enumerate(events.iter_rows(named=True)):
                expect = table.samples[number].expect
                got = {name: row[name] for name in columns if row[name] is not None}
                got |= dict(row["fields"] or ())
                for name in sorted(got.keys() | expect.keys()):
                    if got.get(name) != expect.get(name):
                        was, wanted = _shown(got.get(name)), _shown(expect.get(name))
                        where = f"sample {number + 1} of {program}"
                        yield f"{where}: {name} is {was}, expected {wanted}"


def _differences(row: Mapping[str, Any], sample: Sample) -> Iterator[str]:
    for name, value in sample.expect.items():
        is_time = name == "time" and value is not None
        wanted = datetime.fromisoformat(str(value)) if is_time else value
        if row.get(name) != wanted:
            yield f"{name} is {_shown(row.get(name))}, expected {_shown(wanted)}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _all_of(stream: ByteStream) -> bytes:
    parts = []
    buffer = bytearray(1 << 16)
    while size := stream.readinto(memoryview(buffer)):
        parts.append(bytes(buffer[:size]))
    return b"".join(parts)
