"""From what is asked for to the feeds that a collector reads."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import TYPE_CHECKING

from siemstress.config import Sources
from siemstress.errors import InputError
from siemstress.ingest.writer import Target
from siemstress.sources.pieces import Feed
from siemstress.store.base import Store

if TYPE_CHECKING:
    from selectors import BaseSelector


def open_feeds(
    sources: Sources, store: Store, target: Target, selector: BaseSelector
) -> list[tuple[Feed, Target]]:
    """Open what is to be collected; what wakes the collector is registered.

    Raises:
        InputError: an address is wrong or taken, a certificate cannot be used.

    """

    def position(consumer: str) -> int | None:
        return store.position(target.table, consumer)

    def consumers() -> list[str]:
        status = store.status(target.table)
        return list(status.consumers) if status is not None else []

    feeds: list[tuple[Feed, Target]] = []
    if sources.follow:
        from siemstress.sources.follow import Follower

        follower = Follower(sources.follow, position, consumers, target.parser.unpack)
        feeds.append((follower, target))
    if sources.listen:
        feeds.append((_listener(sources, position, selector), target))
    if sources.journal is not None:
        from siemstress.sources.journal import Journal

        journal = Journal(position, consumers, selector, sources.journal)
        feeds.append((journal, target))
    if sources.kernel:
        from siemstress.sources.kernel import Kernel

        feeds.append((Kernel(position, selector), target))
    return feeds


def _listener(
    sources: Sources, position: Callable[[str], int | None], selector: BaseSelector
) -> Feed:
    from selectors import EVENT_READ

    from siemstress.sources.listen.address import parse
    from siemstress.sources.listen.listener import Listener
    from siemstress.sources.listen.streams import tls_context

    addresses = [parse(text) for text in sources.listen]
    tls = None
    if any(address.scheme == "tls" for address in addresses):
        if sources.certificate is None:
            raise InputError("listening with TLS wants a certificate")
        tls = tls_context(sources.certificate, sources.key, sources.ca)
    listener = Listener(addresses, position, tls, sources.limits)
    selector.register(listener.sockets(), EVENT_READ)
    return listener


def allow_many_files() -> None:
    """Let the process have as many files and connections open as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
