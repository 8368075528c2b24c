"""What a commit to a Delta table asks of its newest state, and says of who makes it."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from siemstress.errors import Conflict
from siemstress.store.base import Advance
from siemstress.store.files import live_files

if TYPE_CHECKING:
    from deltalake import DeltaTable


def identity_of(handle: DeltaTable) -> str:
    """The id that Delta gave a table when it was made."""
    return str(handle.metadata().id)


def check_positions(handle: DeltaTable, advances: Sequence[Advance]) -> None:
    """Raise Conflict if a consumer is not where it is expected."""
    for advance in advances:
        found = handle.transaction_version(transaction_name(advance.consumer))
        if found != advance.expected:
            raise Conflict(
                f"{advance.consumer} is at {found}, not at {advance.expected}: "
                "another process has moved it"
            )


def check_live(handle: DeltaTable, live: Collection[str]) -> None:
    """Raise Conflict if some files are not part of the table any more."""
    if live and not {file.path for file in live_files(handle)}.issuperset(live):
        raise Conflict("another process has replaced or deleted some of the files")


def transaction_name(consumer: str) -> str:
    """A consumer's name as the log can hold it: text, with stray bytes of file names escaped."""
    return consumer.encode("utf-8", "backslashreplace").decode()


def writer() -> str:
    """Who commits: machine and process."""
    return f"{socket.gethostname()}:{os.getpid()}"
