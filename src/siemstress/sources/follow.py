"""Many files followed at once, through every way of rotating them.

A file is its inode: what was opened is read to its end wherever it is moved. What stands in its
place then is another file. Beside the files that were asked for, those are looked through that
rotations have put aside: of files that were stored in part the rest is read, and files that are
younger than the first look, or than all that were stored, are read whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from siemstress.errors import InputError
from siemstress.sources.chunks import Unpack
from siemstress.sources.files import open_file, place_name, stem_of
from siemstress.sources.followed import Followed, State, Stored
from siemstress.sources.patterns import Found, expand, look, put_aside
from siemstress.sources.pieces import PIECE, Ahead, Piece

# How often patterns and folders are looked through, in seconds.
_RESCAN = 1.0
# A file that is gone from its place is closed after so long without a change, and a compressed
# one is let be until it has not changed for so long, in seconds.
_QUIET = 30.0
_SETTLE = 1.5
_PACKED = (".gz", ".zst", ".xz", ".bz2")
# So often one looks anew at what is put aside, if it moves meanwhile.
_LOOKS = 20
# So many files that are done are remembered without looking whether they are still there.
_REMEMBERED = 4096

_NEVER = -(2**63)


class Follower:
    """Follows the files that patterns stand for, now and later.

    `position` gives where the store has a consumer, and `consumers` all that it knows.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        position: Callable[[str], int | None],
        consumers: Callable[[], Iterable[str]],
        unpack: Unpack | None = None,
    ) -> None:
        self.more = False
        self._patterns = patterns
        self._stored = position
        self._consumers = consumers
        self._unpack = unpack
        self._ahead = Ahead()
        self._paths: list[str] = []
        self._open: dict[tuple[int, int], Followed] = {}
        self._cut: list[Followed] = []
        # What has been read to its end, or is not wanted, as it was then: size and time.
        self._done: dict[tuple[int, int], tuple[int, int]] = {}
        # Compressed files that are not settled: as they were, and since when.
        self._new: dict[tuple[int, int], tuple[tuple[int, int], float]] = {}
        # Places with a file that is not settled and new to us, and since when: until it is read,
        # what is younger waits, or would make it look done after a crash.
        self._held: dict[str, float] = {}
        # Of each place the modification time (ns) from which on files put aside are read whole.
        self._since: dict[str, int] = {}
        # Whether files were renamed while what is put aside was looked at.
        self._moved = False
        self._followed_before: frozenset[str] | None = None
        self._next_scan = 0.0
        self._notes: list[str] = []
        self._told: set[str] = set()

    def gather(self, room: int) -> Sequence[Piece]:
        """What has come since, about `room` bytes of it at most."""
        now = time.monotonic()
        if now >= self._next_scan:
            self._paths = expand(self._patterns)
        self._look_at_paths(now)
        begun = [followed for followed in self._open.values() if followed.begin(self._position)]
        if begun:
            # What was there before it is aside by now, and older.
            self._next_scan = now
        if now >= self._next_scan:
            self._look_aside(now)
            self._next_scan = time.monotonic() + (_RESCAN / 4 if self._held else _RESCAN)
        pieces: list[Piece] = []
        busy: set[str] = set()
        for followed in self._in_order():
            if room <= 0:
                break
            place = stem_of(followed.path)
            if place in busy or (followed.fresh and now < self._held.get(place, -_QUIET) + _QUIET):
                # Older lines first: also, what is complete then is no younger than what is not.
                continue
            piece = self._read(followed, room, now)
            now_open = self._open.get(followed.key)
            if now_open is not None and now_open.state is State.MORE:
                busy.add(place)
            if piece is not None:
                pieces.append(piece)
                room -= len(piece.data)
        self.more = bool(busy)
        pieces += self._finish_cut(now)
        return pieces

    def finish(self) -> Sequence[Piece]:
        """Close all files. Half lines stay where they are, and are read once they are whole."""
        pieces = self._finish_cut(None)
        for followed in self._open.values():
            if os.fstat(followed.log.file.fileno()).st_nlink == 0:
                pieces += self._all_of(followed)
            followed.close()
        self._open.clear()
        return pieces

    def _all_of(self, followed: Followed) -> Iterator[Piece]:
        """The rest of a file that is deleted: nobody will see it again."""
        followed.state = State.MORE
        while followed.state is State.MORE:
            piece = followed.read(self._ahead, self._position)
            if piece is not None:
                yield piece
        piece = followed.last(self._ahead, self._position)
        if piece is not None:
            yield piece

    def notes(self) -> Sequence[str]:
        """What the user should know, and has not been told yet."""
        notes, self._notes = self._notes, []
        return notes

    @property
    def count(self) -> int:
        """How many files are open."""
        return len(self._open)

    def _position(self, consumer: str) -> int | None:
        ahead = self._ahead.position(consumer)
        return self._stored(consumer) if ahead is None else ahead

    def _in_order(self) -> list[Followed]:
        """The open files, the oldest of each place first."""

        def age(followed: Followed) -> tuple[bool, int]:
            if followed.gone is not None:
                followed.log.modified = os.fstat(followed.log.file.fileno()).st_mtime_ns // 1000
            return followed.live and followed.gone is None, followed.log.modified

        return sorted(self._wanting(), key=age)

    def _wanting(self) -> Iterator[Followed]:
        """The open files that may have something to read."""
        for followed in self._open.values():
            if followed.gone is not None or followed.looks_changed or followed.stream.broken:
                yield followed

    def _look_at_paths(self, now: float) -> None:
        present: set[tuple[int, int]] = set()
        for path in self._paths:
            found = look(path)
            if found is None:
                self._explain(path)
                continue
            present.add(found.key)
            followed = self._open.get(found.key)
            if followed is not None:
                followed.path, followed.gone = path, None
                followed.looks = (found.size, found.modified)
            elif self._is_wanted(found, now):
                self._begin(found, live=not _is_aside(path))
                # Something may have been put aside for it.
                self._next_scan = now
        for key, followed in self._open.items():
            if key not in present and followed.gone is None:
                followed.gone = now

    def _look_aside(self, now: float) -> None:
        """Find what rotations have put aside, since the last look or while nobody looked.

        A rotation under way renames files between two looks at them. One that is missed is read
        after younger ones, and counts as done if a crash comes between. So where files are new, a
        look counts only if all stand in the same places behind it.
        """
        for number in range(_LOOKS):
            since, done, new = dict(self._since), dict(self._done), dict(self._new)
            before = set(self._open)
            self._moved = False
            aside = list(put_aside(self._paths))
            self._open_aside(aside, now)
            begun = self._open.keys() - before
            if number == _LOOKS - 1:
                break  # They move all the time.
            if not self._moved and (
                (not begun and since.keys() == self._since.keys())
                or _places(aside) == _places(put_aside(self._paths))
            ):
                break
            self._since, self._done, self._new = since, done, new
            for key in begun:
                self._open.pop(key).close()

    def _open_aside(self, aside: Iterable[Found], now: float) -> None:
        by_stem: dict[str, list[Found]] = {stem_of(os.path.realpath(p)): [] for p in self._paths}
        for found in aside:
            by_stem.setdefault(stem_of(found.path), []).append(found)
        held: dict[str, float] = {}
        for stem, members in by_stem.items():
            members.sort(key=lambda found: found.modified)
            if stem not in self._since:
                self._since[stem] = self._first_look(stem, members)
                # What is there from the start is older than the log, and read before it.
                settled = now - _SETTLE
                self._new |= {f.key: ((f.size, f.modified), settled) for f in members}
            for found in members:
                if found.key in self._open:
                    continue
                if self._is_wanted(found, now):
                    self._begin(found, live=False, since=self._since[stem])
                elif found.key in self._new and self._stored_of(found) is not Stored.ALL:
                    held[stem] = self._held.get(stem, now)
        self._held = held
        if len(self._done) > _REMEMBERED:
            present = {found.key for members in by_stem.values() for found in members}
            present |= {file.key for path in self._paths if (file := look(path)) is not None}
            self._done = {key: seen for key, seen in self._done.items() if key in present}
            self._new.clear()

    def _first_look(self, stem: str, members: Sequence[Found]) -> int:
        """The time (ns) from which on files put aside are wanted though nothing of them is stored.

        Those that are older than one that is stored whole are done.
        """
        if self._followed_before is None:
            names = (name.rpartition(":")[0] + ":" for name in self._consumers())
            self._followed_before = frozenset(names)
        if place_name(stem) not in self._followed_before:
            return time.time_ns()
        since = _NEVER
        live = look(stem)
        for number in reversed(range(len(members) + (live is not None))):
            file = members[number] if number < len(members) else live
            stored = self._stored_of(file) if file is not None else Stored.NOTHING
            if file is None or stored is Stored.NOTHING:
                continue
            since = max(since, file.modified)
            if stored is Stored.ALL and file is not live:
                self._done |= {f.key: (f.size, f.modified) for f in members[: number + 1]}
                break
        return since

    def _stored_of(self, found: Found) -> Stored:
        """How much of a file has been stored."""
        try:
            followed = Followed(open_file(found.path))
        except InputError:
            self._has_moved(found)
            return Stored.NOTHING
        followed.log.unpack = self._unpack
        self._moved = self._moved or followed.key != found.key
        try:
            return followed.stored(self._position)
        finally:
            followed.close()

    def _is_wanted(self, found: Found, now: float) -> bool:
        """Whether a file is to be looked at: it is new or has changed, and is not being packed."""
        seen = (found.size, found.modified)
        if self._done.get(found.key) == seen:
            return False
        if not found.path.endswith(_PACKED):
            return True
        before, since = self._new.get(found.key, (None, now))
        if before != seen:
            self._new[found.key] = (seen, now)
            return False
        return now - since >= _SETTLE

    def _begin(self, found: Found, *, live: bool, since: int | None = None) -> None:
        self._new.pop(found.key, None)
        try:
            followed = Followed(open_file(found.path), live=live, since=since)
        except InputError as e:
            if not self._has_moved(found):
                self._tell(str(e))
            return
        followed.log.unpack = self._unpack
        # Another file may have come to this place since it was looked at.
        if followed.key != found.key:
            self._moved = True
        if followed.key in self._open:
            followed.close()
        else:
            self._open[followed.key] = followed

    def _has_moved(self, found: Found) -> bool:
        """Whether a file is not where it was found any more; notes it."""
        there = look(found.path)
        if there is None or there.key != found.key:
            self._moved = True
            return True
        return False

    def _read(self, followed: Followed, room: int, now: float) -> Piece | None:
        if followed.stream.broken:
            self._again(followed)
            return None
        try:
            piece = followed.read(self._ahead, self._position, min(room, PIECE))
        except OSError as e:
            self._tell(f"{followed.path}: {e.strerror or e}")
            followed.state = State.QUIET
            piece = None
        if followed.state is State.CUT:
            self._was_cut(followed, now)
        elif followed.state is State.ENDED:
            if followed.error is not None:
                self._tell(f"{followed.path}: is damaged behind byte {followed.at:,}")
            piece = piece or followed.last(self._ahead, self._position)
            self._end(followed)
        elif followed.state is State.QUIET and piece is None and self._is_over(followed, now):
            piece = followed.last(self._ahead, self._position)
            self._end(followed)
        return piece

    def _is_over(self, followed: Followed, now: float) -> bool:
        """Whether a file that is gone from its place has been quiet long enough."""
        return followed.gone is not None and now - max(followed.gone, followed.changed) >= _QUIET

    def _was_cut(self, followed: Followed, now: float) -> None:
        """What the file has now begins anew, wherever it stands; what was read stays read.

        It is read at the next look, behind what may have been put aside as a copy.
        """
        anew = Followed(followed.log, live=followed.live)
        anew.path, anew.gone = followed.path, followed.gone
        self._open[anew.key] = anew
        anew.state = State.MORE
        followed.gone = now
        self._cut.append(followed)
        self._next_scan = now

    def _finish_cut(self, now: float | None) -> list[Piece]:
        """The half lines of files that were cut, once it is sure that no copy has them."""
        pieces = []
        for followed in list(self._cut):
            if now is None or now - (followed.gone or 0.0) >= _QUIET:
                self._cut.remove(followed)
                piece = followed.last(self._ahead, self._position) if followed.first else None
                if piece is not None:
                    pieces.append(piece)
        return pieces

    def _again(self, followed: Followed) -> None:
        """Another process has stored of this file: go on where the table says now."""
        self._ahead.forget(followed.stream)
        del self._open[followed.key]
        anew = Followed(followed.log, live=followed.live, since=followed.since)
        anew.path, anew.gone, anew.changed = followed.path, followed.gone, followed.changed
        self._open[anew.key] = anew

    def _end(self, followed: Followed) -> None:
        # As it was when it was read: what has been added since then is not done.
        self._done[followed.key] = followed.looked
        del self._open[followed.key]
        followed.close()

    def _explain(self, path: str) -> None:
        """Say once why a path that is there cannot be followed."""
        if os.path.lexists(path) and os.path.exists(path) and not os.path.isfile(path):
            self._tell(f"{path}: is not a file, and is not followed")

    def _tell(self, note: str) -> None:
        if note not in self._told:
            self._told.add(note)
            self._notes.append(note)


def _places(found: Iterable[Found]) -> set[tuple[str, tuple[int, int]]]:
    """Which file stands where."""
    return {(file.path, file.key) for file in found}


def _is_aside(path: str) -> bool:
    """Whether a path is that of a file beside it with what a rotation adds."""
    stem = stem_of(path)
    return stem != path and os.path.lexists(stem)
