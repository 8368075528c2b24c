"""The loop that gathers lines from sources that go on, and has them stored."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from siemstress.errors import StoreError, Unavailable
from siemstress.ingest.batch import FULL, Batch
from siemstress.ingest.writer import Target, Writer
from siemstress.sources.pieces import Feed, Piece
from siemstress.store.base import Store

# How often feeds are looked at that nothing announces, in seconds.
_LOOK = 0.25
_BREATH = 0.005
# Lines that wait to be stored, in bytes; beyond this nothing is read that waits by itself.
_WAITING = 32 << 20
# How long a stop waits for the store, in seconds.
_LAST = 60.0


@dataclass
class Collector:
    """Stores what feeds hand over, each in its target, until `stopping` is set.

    `flush` is how long a line may wait, in seconds. `selector` has what feeds want to be woken
    for. `tell` gets lines for the user, `watch` is called now and then. Once `hurried` is set too,
    the end does not wait for the store.
    """

    store: Store
    feeds: Sequence[tuple[Feed, Target]]
    selector: selectors.BaseSelector
    flush: float
    tell: Callable[[str], None] = print
    watch: Callable[[], None] | None = None
    stopping: bool = False
    hurried: bool = False
    _asked: bool = False
    _told_away: bool = False
    _batches: dict[int, tuple[Target, Batch]] = field(default_factory=dict)

    def run(self) -> None:
        """Go on until it is to stop; what was gathered by then is stored.

        Signals must not raise meanwhile: what has just been read of a socket would be lost.

        Raises:
            StoreError: the store cannot be written, or did not end what it was doing: then a
                thread still waits for it, and the process is best ended at once.

        """
        writer = Writer(self.store, self.flush, self.tell)
        writer.start()
        try:
            try:
                self._loop(writer)
            finally:
                if writer.error is None:
                    self._take_last(writer)
        finally:
            writer.close()
            ended = self._wait(writer)
            if writer.pending:
                self.tell(
                    f"{writer.pending:,} bytes that were read are not stored; what is in files is "
                    "read again next time"
                )
        if writer.error is not None:
            raise writer.error
        if not ended:
            raise StoreError("the store was still at work at the end, and was not waited for")

    def _loop(self, writer: Writer) -> None:
        while writer.error is None and not self.stopping:
            full = writer.pending + self._gathered() >= _WAITING
            if full:
                writer.wait(_LOOK / 5)
            began = time.monotonic()
            busy = self._gather(writer)
            self._hand_over(writer, early=False)
            self._tell_notes()
            if self.watch is not None:
                self.watch()
            if not busy and not full:
                self._sleep(began)

    def _sleep(self, began: float) -> None:
        """Sleep until something is announced, or it is time to look again.

        A little at least, so that what comes drop by drop is not taken drop by drop.
        """
        left = max(0.0, began + _LOOK - time.monotonic())
        if not self.selector.get_map():
            time.sleep(left)
        elif self.selector.select(left):
            time.sleep(max(0.0, began + _BREATH - time.monotonic()))

    def _gathered(self) -> int:
        return sum(batch.size for _, batch in self._batches.values())

    def _gather(self, writer: Writer) -> bool:
        """Let every feed hand over what it has; whether any has more."""
        for feed, target in self.feeds:
            room = _WAITING - writer.pending - self._gathered()
            for piece in self._ask(feed, room):
                self._add(writer, target, piece)
        self._asked = True
        return any(feed.more for feed, _ in self.feeds)

    def _ask(self, feed: Feed, room: int) -> Sequence[Piece]:
        """What a feed has; nothing for now where the store does not say where a file stands.

        At first that ends it: what fails then is most likely set up wrong.
        """
        try:
            return feed.gather(room)
        except Unavailable as e:
            if not self._asked:
                raise
            if not self._told_away:
                self._told_away = True
                self.tell(f"{e}; waiting until it works again, nothing is lost")
            return ()

    def _add(self, writer: Writer, target: Target, piece: Piece) -> None:
        _, batch = self._batches.get(id(target), (target, None))
        if batch is not None and not batch.takes(piece):
            writer.put(target, batch)
            batch = None
        if batch is None:
            batch = Batch()
            self._batches[id(target)] = (target, batch)
        batch.add(piece)

    def _hand_over(self, writer: Writer, *, early: bool) -> None:
        """Hand over batches that are full, or have waited long enough, or all of them."""
        now = time.monotonic()
        for key, (target, batch) in list(self._batches.items()):
            if early or batch.size >= FULL or now - batch.since >= self.flush / 2:
                writer.put(target, batch)
                del self._batches[key]

    def _take_last(self, writer: Writer) -> None:
        for feed, target in self.feeds:
            for piece in feed.finish():
                self._add(writer, target, piece)
        self._hand_over(writer, early=True)
        self._tell_notes()

    def _tell_notes(self) -> None:
        for feed, _ in self.feeds:
            for note in feed.notes():
                self.tell(note)

    def _wait(self, writer: Writer) -> bool:
        """Wait for the writer's end, but not for ever; whether it has come."""
        until = time.monotonic() + _LAST
        while not (ended := writer.ended(_LOOK)):
            if self.hurried or time.monotonic() > until:
                break
        return ended
