"""Rule files: folders, files and .zip archives, as names and contents."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from siemstress.errors import RuleError

SUFFIXES = (".yml", ".yaml")
SAMPLES = ".samples"
"""In front of the suffix of a file that holds samples for the rules beside it."""
# Larger files are no rules; an archive's entry may say that it is small and not be.
_LARGEST = 1 << 20
_MOST_FILES = 100_000


def rule_files(
    paths: Iterable[Path], wrong: Callable[[RuleError], None]
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the rule files at some paths, in the order of their names.

    `wrong` is told of files in folders that cannot be read.

    Raises:
        RuleError: there is nothing at a path.

    """
    for path in paths:
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if is_rule_file(p.name) and p.is_file())
            for file in found[:_MOST_FILES]:
                try:
                    yield str(file), _read(file)
                except RuleError as e:
                    wrong(e)
        elif zipfile.is_zipfile(path):
            yield from _zipped(path)
        else:
            yield str(path), _read(path)


def is_rule_file(name: str) -> bool:
    """Whether a file of this name holds rules."""
    name = name.lower()
    return name.endswith(SUFFIXES) and SAMPLES not in name


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            text = stream.read(_LARGEST + 1)
    except OSError as e:
        raise RuleError(f"cannot be read: {e.strerror}", file=file) from None
    if len(text) > _LARGEST:
        raise RuleError("is larger than 1 MB: this is no rule", file=file)
    return text


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """The rule files of an archive, which are read where they are, never unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist())[:_MOST_FILES]:
                if not is_rule_file(name):
                    continue
                with archive.open(name) as stream:
                    text = stream.read(_LARGEST + 1)
                if len(text) <= _LARGEST:
                    yield f"{path}:{name}", text
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as e:
        raise RuleError(f"cannot be read: {_line(e)}", file=path) from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
