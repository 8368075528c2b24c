"""Small texts that belong to a lake, each a file in it, which all who use it share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from siemstress.errors import StoreError
from siemstress.store.folder import Folder, failure, sync_folder

FOLDER = "siemstress.texts"


def load(folder: Folder, name: str) -> str | None:
    """The text of this name; None without one.

    Raises:
        StoreError: it cannot be read, or is not UTF-8.

    """
    path = _path(folder, name)
    folder.check()
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except OSError as e:
        raise failure(e, path) from e
    except UnicodeDecodeError as e:
        raise StoreError("is not UTF-8 text", file=path) from e


def save(folder: Folder, name: str, text: str) -> None:
    """Save a text in place of one of the same name, all or nothing, durably.

    Raises:
        StoreError: it cannot be written.

    """
    path = _path(folder, name)
    temporary = None
    try:
        path.parent.mkdir(exist_ok=True, mode=0o750)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        with open(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o640)
        os.replace(temporary, path)
        sync_folder(path.parent)
        sync_folder(folder.path)
    except OSError as e:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise failure(e, path) from e


def _path(folder: Folder, name: str) -> Path:
    # The name is checked as tables' names are.
    return folder.path / FOLDER / folder.table(name).name
