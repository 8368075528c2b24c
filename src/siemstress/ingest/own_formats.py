"""All formats and message tables as lines are read by them: the user's own as far as they are fit.

A file that is broken, and a format that is slow on its own samples, is left out and told of: an
administrator's slip of the pen must lose no lines.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from siemstress.config.format_files import Document, read_all
from siemstress.errors import ConfigError
from siemstress.fields.own import own_tables
from siemstress.fields.tables import Table, tables
from siemstress.formats.auto import Reader
from siemstress.formats.base import Format, formats
from siemstress.formats.clock import Clock
from siemstress.formats.own import is_format, own_formats
from siemstress.sources.lines import of_bytes

LEAST_LINES = 10_000
"""Lines a second of the processor's time: what reads fewer of its own samples is slow …"""

LEAST_BYTES = 2_000_000
"""… unless it reads so many bytes."""

# Few, so that it takes no time; the best of some tries counts, so that it is never by chance. What
# takes so many seconds for a few lines is slow whatever else the machine does.
_LINES = 512
_TRIES = 4
_SURELY = 0.3


@dataclass(frozen=True)
class Known:
    """Formats by name and message tables; `problems` are why others are left out.

    `files` are where the user's own formats stand, by name, and `slow` the names of those that
    are left out because they are.
    """

    formats: Mapping[str, Format]
    tables: Sequence[Table]
    problems: Sequence[ConfigError] = ()
    files: Mapping[str, Document] = field(default_factory=dict)
    slow: Sequence[str] = ()


def usable(
    documents: Sequence[Document] | None = None, *, slow: Sequence[str] | None = None
) -> Known:
    """All that can be used of the user's documents (None: in the usual places), and all of ours.

    `slow` names formats that are known to be (None: it is measured).
    """
    problems: list[ConfigError] = []
    if documents is None:
        documents, problems = read_all()
    ours = formats(own=False)
    made, wrong = own_formats(documents)
    messages, wrong_messages = own_tables(documents)
    files = {str(d.keys.get("name")): d for d in documents if is_format(d)}
    own = {known.name: known for known in made}
    left_out = []
    for name, known in own.items():
        reason = _reason(known, files[name], {**ours, **own}) if slow is None else None
        if reason:
            problems.append(files[name].mistake("regex", reason))
        if reason or name in (slow or ()):
            left_out.append(name)
    own = {name: known for name, known in own.items() if name not in left_out}
    return Known(
        own | {name: known for name, known in ours.items() if name not in own},
        [*messages, *tables(own=False)],
        [*problems, *wrong, *wrong_messages],
        {name: files[name] for name in own},
        left_out,
    )


def _reason(known: Format, document: Document, of: Mapping[str, Format]) -> str | None:
    """Why a format is too slow; JSON takes the time that it takes, whatever the user says of it."""
    return too_slow(known, of) if "regex" in document.keys else None


def too_slow(known: Format, of: Mapping[str, Format]) -> str | None:
    """Why a format is too slow to be used; None where it is quick enough on its samples.

    Few lines are read at first, as one alone may take seconds.
    """
    if not known.samples:
        return None
    reader = Reader(known.name, of)
    texts = [text for sample in known.samples for text in _with_half(sample.line)]
    data = "".join(f"{text}\n" for text in texts).encode()
    lines = of_bytes(data)
    left = _TRIES
    for number in count():
        started = time.process_time()
        for _ in reader.read(lines, Clock(0)):
            pass
        spent = max(time.process_time() - started, 1e-9)
        rate = len(lines) / spent
        if rate >= LEAST_LINES or len(data) / spent >= LEAST_BYTES:
            return None
        left -= 1
        if (spent > _SURELY and number) or not left:
            break
        if len(lines) < _LINES:
            data *= 4
            lines, left = of_bytes(data), _TRIES
    return (
        f"is slow: {round(rate):,} lines/s of its own samples, and {LEAST_LINES:,} is the least; "
        "take repetitions and alternatives out of it"
    )


def _with_half(line: str) -> tuple[str, str]:
    """A line, and its first half, which does not fit."""
    return line, line[: len(line) // 2]
