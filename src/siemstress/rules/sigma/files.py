"""Rule files: folders, files and .zip archives, as names and contents."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from siemstress.errors import RuleError

SUFFIXES = (".yml", ".yaml")
SAMPLES = ".samples"
"""In front of the suffix of a file that holds samples for the rules beside it."""
# Larger files are no rules; an archive's entry may say that it is small and not be.
_LARGEST = 1 << 20
_MOST_FILES = 100_000
_MOST_OF_ARCHIVE = 1 << 28

Wrong = Callable[[RuleError], None]


def rule_files(paths: Iterable[Path], wrong: Wrong) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the rule files at some paths, in the order of their names.

    `wrong` is told of files in folders, and in archives, that cannot be read.

    Raises:
        RuleError: there is nothing at a path.

    """
    for path in paths:
        if path.is_dir():
            for file in sorted(_within(path))[:_MOST_FILES]:
                try:
                    yield file, _read(file)
                except RuleError as e:
                    wrong(e)
        elif zipfile.is_zipfile(path):
            yield from _zipped(path, wrong)
        else:
            yield str(path), _read(str(path))


def is_rule_file(name: str) -> bool:
    """Whether a file of this name holds rules."""
    name = name.lower()
    return name.endswith(SUFFIXES) and SAMPLES not in name


def _within(folder: Path) -> Iterator[str]:
    for where, _, names in os.walk(folder):
        for name in names:
            file = os.path.join(where, name)
            if is_rule_file(name) and os.path.isfile(file):
                yield file


def _read(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            text = stream.read(_LARGEST + 1)
    except OSError as e:
        raise RuleError(f"cannot be read: {e.strerror}", file=file) from None
    if len(text) > _LARGEST:
        raise RuleError("is larger than 1 MB: this is no rule", file=file)
    return text


def _zipped(path: Path, wrong: Wrong) -> Iterator[tuple[str, bytes]]:
    """The rule files of an archive, which are read where they are, never unpacked."""
    left = _MOST_OF_ARCHIVE
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [e for e in archive.infolist() if is_rule_file(e.filename)]
            for entry in sorted(entries, key=lambda e: e.filename)[:_MOST_FILES]:
                name = f"{path}:{entry.filename}"
                try:
                    with archive.open(entry) as stream:
                        text = stream.read(_LARGEST + 1)
                except (OSError, ValueError, *_BROKEN) as e:
                    wrong(RuleError(f"cannot be read: {_line(e)}", file=name))
                    continue
                left -= len(text)
                if left < 0:
                    wrong(RuleError("is too large: what is behind is left out", file=path))
                    return
                if len(text) > _LARGEST:
                    wrong(RuleError("is larger than 1 MB: this is no rule", file=name))
                    continue
                yield name, text
    except (OSError, ValueError, *_BROKEN) as e:
        wrong(RuleError(f"cannot be read: {_line(e)}", file=path))


# What a broken archive raises; the last is for encrypted ones.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
