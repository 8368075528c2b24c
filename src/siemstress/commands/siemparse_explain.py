"""siemparse --explain: what would be made of lines; nothing is stored."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from siemstress.commands.command import say
from siemstress.commands.line_parsers import line_parser

if TYPE_CHECKING:
    from siemstress.config import Config, Section
    from siemstress.ingest.explain import Explanation, Taken

# Names that are shown of what a format filled, and of processes.
_FILLED = 40
_PROCESSES = 20


def explain(options: argparse.Namespace, config: Config, section: Section) -> int:
    """Read files, or standard input, and show which formats took what."""
    from siemstress.formats.clock import local_zone, parse_zone
    from siemstress.ingest import explain as explaining
    from siemstress.ingest.inputs import open_inputs

    zone = parse_zone(options.zone) if options.zone else local_zone()
    parser = line_parser("siemparse", options, config, section, None)
    status = 0
    found = explaining.Explanation()
    sources = open_inputs(options.files, parser.unpack, parser.recognise)
    started, used = time.monotonic(), time.process_time()
    for source in sources:
        wrong = explaining.explain(source, zone, parser, found)
        if wrong:
            say(f"siemparse: {wrong}")
            status = 2
    _show(found)
    if not options.quiet:
        seconds, used = time.monotonic() - started, time.process_time() - used
        rate = round(found.lines / max(seconds, 1e-3))
        say(
            f"siemparse: read {found.lines:,} lines in {seconds:.1f} s ({used:.1f} s of the "
            f"processor's), {rate:,} lines/s; stored nothing"
        )
    return status


def _show(found: Explanation) -> None:
    ordered = sorted(found.formats.items(), key=lambda item: (item[0] == "", -item[1].lines))
    names = [name or "(none)" for name, _ in ordered]
    lines = [taken.lines for _, taken in ordered]
    shares = [_share(count, found.lines) for count in lines]
    samples = [taken.sample for _, taken in ordered]
    _table({"format": names, "lines": lines, "share": shares, "sample": samples})
    filled = [(name, _filled(taken)) for name, (_, taken) in zip(names, ordered, strict=True)]
    filled = [(name, text) for name, text in filled if text]
    if filled:
        print()
        _table({"format": [n for n, _ in filled], "what it filled": [text for _, text in filled]})
    if found.processes:
        listed = found.processes.most_common(_PROCESSES)
        more = len(found.processes) - len(listed)
        names = [name for name, _ in listed] + ([f"({more:,} others)"] if more else [])
        shown = sum(count for _, count in listed)
        rest = [found.processes.total() - shown] if more else []
        counts = [count for _, count in listed] + rest
        print()
        _table({"process without a message table": names, "lines": counts})


def _table(columns: Mapping[str, Sequence[object]]) -> None:
    import pyarrow as pa

    from siemstress.render.output import standard_output
    from siemstress.render.table import Table

    batch = pa.RecordBatch.from_pydict(dict(columns))
    sys.stdout.flush()
    target = standard_output()
    table = Table(batch.schema.names, target)
    table.write(batch)
    table.close()
    target.stream.flush()


def _filled(taken: Taken) -> str:
    """What was filled, each with the share of lines; what is in all of them by its name alone."""
    listed = taken.filled.most_common(_FILLED)
    texts = [
        name if count == taken.lines else f"{name} {_share(count, taken.lines)}"
        for name, count in listed
    ]
    more = len(taken.filled) - len(listed)
    return ", ".join(texts) + (f", and {more:,} others" if more else "")


def _share(part: int, whole: int) -> str:
    """A share that is never rounded to nothing, or to all."""
    percent = 100 * part / whole if whole else 0.0
    if part == whole:
        return "100 %"
    return f"{min(max(percent, 0.1), 99.9):.1f} %"
