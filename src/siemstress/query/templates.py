"""Messages grouped by what they have in common: templates such as `connection from <ip> refused`.

Numbers, addresses and the like are masked in all messages at once; what is then distinct, mostly a
few thousand shapes of millions of messages, is grouped by a miner (Drain; He, Zhu, Zheng and Lyu,
ICWS 2017), which finds the words that vary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from siemstress.query.events import Events
from siemstress.query.order import Answer

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlglot import exp

COLUMNS = ("count", "template", "first", "last", "hosts", "sample")
READ = ("time", "host", "message")

# Longer messages are told apart by their beginnings.
_SEEN = 2_000
_WORDS = 120
# Shapes that are held before the miner gets them, and templates that there may be; what fits none
# of so many is counted together.
_SHAPES = 20_000
_TEMPLATES = 5_000
_OTHERS = "<all other messages>"
_HOSTS = 50
_SHOWN_HOSTS = 3

_HEX = "[0-9A-Fa-f]"
_MASKS = (
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?", "<time>"),
    (r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
    (rf"\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b", "<uuid>"),
    (rf"\b(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}\b", "<mac>"),
    (r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "<ip>"),
    (rf"\b{_HEX}{{1,4}}(?::{_HEX}{{0,4}}){{2,7}}(?:%\w+)?", "<ip>"),
    (r"\b0[xX][0-9A-Fa-f]+\b", "<hex>"),
    (r"\b[0-9a-f]{16,}\b", "<hex>"),
    (r"[+-]?\b\d+(?:[.,]\d+)*", "<num>"),
)


@dataclass
class _Template:
    """What is known of the messages of a template."""

    count: int
    first: datetime | None
    last: datetime | None
    sample: str
    hosts: dict[str, None] = field(default_factory=dict)

    def add(self, other: _Template) -> None:
        self.count += other.count
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        for host in other.hosts:
            if len(self.hosts) < _HOSTS:
                self.hosts.setdefault(host)


def masked(messages: pl.Series) -> pl.Series:
    """Messages with numbers, addresses and times replaced by what they are."""
    shape = messages.str.slice(0, _SEEN)
    for pattern, word in _MASKS:
        shape = shape.str.replace_all(pattern, word)
    return shape


def statement(events: Events) -> exp.Query:
    """What is asked of the store: the messages, in no order."""
    return events.select(READ)


def templates(
    events: Events, query: exp.Query, limit: int | None = None, *, rarest: bool = False
) -> Answer:
    """Templates with how many messages they have, when, of which hosts; the most frequent first."""
    miner = Miner()
    for batch in events.ask(query, READ):
        miner.add(batch)
    found = sorted(miner.found(), key=lambda item: (item[1].count, item[0]), reverse=not rarest)
    batch = _batch(found[:limit])
    return Answer(batch.schema, iter([batch]))


class Miner:
    """Groups messages, however many, in bounded memory."""

    def __init__(self) -> None:
        from drain3.drain import Drain

        self._drain = Drain(sim_th=0.5, depth=4, max_children=100, param_str="<*>")
        self._shapes: pl.DataFrame | None = None
        self._of_cluster: dict[int, _Template] = {}
        self._others: _Template | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take in the messages of a batch."""
        frame = pl.DataFrame(pl.from_arrow(batch))
        shapes = (
            frame.filter(pl.col("message").is_not_null())
            .with_columns(masked(frame["message"].drop_nulls()).alias("shape"))
            .group_by("shape")
            .agg(
                pl.len().cast(pl.Int64).alias("count"),
                pl.col("time").min().alias("first"),
                pl.col("time").max().alias("last"),
                pl.col("message").first().str.slice(0, _SEEN).alias("sample"),
                pl.col("host").drop_nulls().unique().head(_HOSTS).alias("hosts"),
            )
        )
        self._shapes = shapes if self._shapes is None else _merged(self._shapes, shapes)
        if len(self._shapes) > _SHAPES:
            self._mine()

    def found(self) -> Iterator[tuple[str, _Template]]:
        """All templates."""
        self._mine()
        for cluster in self._drain.clusters:
            yield cluster.get_template(), self._of_cluster[cluster.cluster_id]
        if self._others is not None:
            yield _OTHERS, self._others

    def _mine(self) -> None:
        """Give the shapes to the miner, the most frequent first."""
        if self._shapes is None:
            return
        for row in self._shapes.sort("count", "shape", descending=True).iter_rows(named=True):
            hosts = dict.fromkeys(row["hosts"])
            known = _Template(row["count"], row["first"], row["last"], row["sample"], hosts)
            # The words are all that the miner looks at.
            words = " ".join(row["shape"].split()[:_WORDS])
            full = len(self._of_cluster) >= _TEMPLATES
            cluster = self._drain.match(words) if full else self._drain.add_log_message(words)[0]
            if cluster is None:
                self._others = _added(self._others, known)
            else:
                number = cluster.cluster_id
                self._of_cluster[number] = _added(self._of_cluster.get(number), known)
        self._shapes = None


def _added(before: _Template | None, known: _Template) -> _Template:
    if before is None:
        return known
    before.add(known)
    return before


def _merged(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    return (
        pl.concat([one, other])
        .group_by("shape")
        .agg(
            pl.col("count").sum(),
            pl.col("first").min(),
            pl.col("last").max(),
            pl.col("sample").first(),
            pl.col("hosts").list.explode().unique().head(_HOSTS),
        )
    )


def _batch(found: Iterable[tuple[str, _Template]]) -> pa.RecordBatch:
    import pyarrow as pa

    listed = list(found)
    columns = [
        pa.array([known.count for _, known in listed], pa.int64()),
        pa.array([template for template, _ in listed], pa.string()),
        pa.array([known.first for _, known in listed], pa.timestamp("us")),
        pa.array([known.last for _, known in listed], pa.timestamp("us")),
        pa.array([_hosts(known) for _, known in listed], pa.string()),
        pa.array([known.sample for _, known in listed], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, list(COLUMNS))


def _hosts(known: _Template) -> str:
    """Some of the hosts by name, and how many more there are."""
    names = sorted(known.hosts)
    more = len(names) - _SHOWN_HOSTS
    many = "+" if len(names) >= _HOSTS else ""
    return ", ".join(names[:_SHOWN_HOSTS]) + (f" and {more}{many} more" if more > 0 else "")
