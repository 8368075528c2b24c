"""Where answers go: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from siemstress.errors import InputError


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def terminal_width() -> int | None:
    """How many cells a line may have: the terminal's, or COLUMNS where it is set; else no limit."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return shutil.get_terminal_size().columns if is_terminal() else None


def may_colour() -> bool:
    """Whether to write terminal codes; https://no-color.org."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextlib.contextmanager
def opened(path: str | None) -> Iterator[BinaryIO]:
    """A stream to write to: standard output, or a file that appears only once it is whole.

    The file is written under another name beside its own, synced to disk, and renamed; whatever
    ends the writing before leaves the old file as it was.

    Raises:
        InputError: the file cannot be written.

    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        # A pipe or a device cannot be renamed over.
        with _named(path), target.open("wb") as stream:
            yield stream
        return
    draft = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    with _named(path):
        stream = draft.open("xb")
    try:
        with stream:
            yield stream
            with _named(path):
                stream.flush()
                os.fsync(stream.fileno())
        with _named(path):
            if target.exists():
                shutil.copymode(target, draft)
            draft.replace(target)
            _sync_folder(target.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Complain about the file by the name that the user gave."""
    try:
        yield
    except OSError as e:
        if isinstance(e, BrokenPipeError):
            raise
        raise InputError(f"cannot be written: {e.strerror or e}", file=path) from e


def _sync_folder(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
