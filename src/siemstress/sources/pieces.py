"""What sources that go on hand over: whole lines of one origin, and the positions behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from siemstress.sources.headings import Heading

PIECE = 1 << 20
"""How much is read of one origin at once, in bytes."""

LONGEST = 4 << 20
"""A line that is longer, in bytes, is handed over in parts."""


@dataclass
class Stream:
    """An origin that keeps positions.

    `expected` says where the store has its consumers, None for those it does not know. `broken`
    is set once another process has moved one of them: what was read of it does not count.
    """

    expected: dict[str, int | None] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True)
class Piece:
    """Whole lines of one origin, each ended by a line feed; the last one may lack it.

    `origin` becomes the events' source_path. Stamps without a year are read by `reference`, in
    µs since 1970; 0 is now. Once the lines are stored, the consumers of `stream` are at `moves`.
    `heading` is what the origin has said before about its lines, where that is known.
    """

    data: bytes
    origin: str | None
    reference: int = 0
    stream: Stream | None = None
    moves: Mapping[str, int] = field(default_factory=dict)
    heading: Heading | None = None


class Ahead:
    """Where consumers will be once all that has been handed over is stored."""

    def __init__(self) -> None:
        self._at: dict[str, tuple[Stream, int]] = {}

    def move(self, stream: Stream, moves: Mapping[str, int]) -> None:
        """Note what a piece of a stream moves."""
        for consumer, position in moves.items():
            self._at[consumer] = (stream, position)

    def position(self, consumer: str) -> int | None:
        """Where a consumer will be; None when nothing of it is under way."""
        stream, position = self._at.get(consumer, (None, 0))
        return None if stream is None or stream.broken else position

    def forget(self, stream: Stream) -> None:
        """Forget what a stream has moved."""
        self._at = {name: at for name, at in self._at.items() if at[0] is not stream}


class Feed(Protocol):
    """A source that goes on."""

    more: bool
    """Whether there was more to be had at once when it was last asked."""

    def gather(self, room: int) -> Sequence[Piece]:
        """What has come since, about `room` bytes of it at most; never waits.

        Raises:
            StoreError: the store does not say where a file stands.

        """

    def finish(self) -> Sequence[Piece]:
        """What can be had at once when no more is to be read; closes what is open."""

    def notes(self) -> Sequence[str]:
        """What the user should know, and has not been told yet; a line each."""
