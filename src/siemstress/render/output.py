"""Where answers go: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from siemstress.errors import InputError


@dataclass(frozen=True)
class Target:
    """A stream to write to, and what it can show.

    `width` is how many cells a line may have, None: no limit.
    """

    stream: BinaryIO
    is_terminal: bool = False
    width: int | None = None
    may_colour: bool = False
    encoding: str = "utf-8"


def standard_output() -> Target:
    """Standard output: as wide as the terminal, or as COLUMNS says where it is set."""
    is_terminal = sys.stdout.isatty()
    asked = os.environ.get("COLUMNS", "")
    width = int(asked) if asked.isdecimal() and len(asked) < 6 and int(asked) else None
    if is_terminal and width is None:
        width = shutil.get_terminal_size().columns
    # https://no-color.org
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Target(
        sys.stdout.buffer, is_terminal, width, is_terminal and not plain, sys.stdout.encoding
    )


@contextlib.contextmanager
def opened(path: str | None) -> Iterator[Target]:
    """Where to write: standard output (None), or a file that appears only once it is whole.

    The file is written under another name beside its own, synced to disk, and renamed; whatever
    ends the writing before leaves the old file as it was.

    Raises:
        InputError: the file cannot be written.

    """
    if path is None:
        target = standard_output()
        yield target
        target.stream.flush()
        return
    file = Path(os.path.realpath(path))
    if file.exists() and not file.is_file():
        # A pipe or a device cannot be renamed over.
        with _named(path):
            stream = file.open("wb")
        with stream:
            yield Target(stream)
        return
    draft = file.with_name(f".{file.name[:200]}.{os.getpid()}.part")
    with _named(path):
        stream = draft.open("xb")
    try:
        with stream:
            yield Target(stream)
            with _named(path):
                stream.flush()
                os.fsync(stream.fileno())
        with _named(path):
            if file.exists():
                shutil.copymode(file, draft)
            draft.replace(file)
            _sync_folder(file.parent)
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
