"""What a kind of notifier is, and how it reads its section of a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from siemstress import extensions
from siemstress.config import Keys
from siemstress.errors import Failure
from siemstress.notify.message import Message


class NotSent(Failure):
    """A message was not taken, or perhaps was: it is sent again later.

    `after` are seconds that the receiver wants to be left alone for.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Notifier:
    """Somebody who is told of alerts. One thread at a time uses it."""

    def refused(self, message: Message) -> str | None:
        """Why a message is none for this receiver; None: it is one."""
        del message
        return None

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages, at most as many as `Kind.at_once`, in an order that does not matter.

        Returns once the receiver has taken all of them, and within `Options.timeout`, about.

        Raises:
            NotSent: it has not. Then all of them are sent again.

        """
        raise NotImplementedError

    def test(self, message: Message) -> None:
        """Send a message that is only a test, so that nothing but a message comes of it."""
        self.send([message])

    def tidy(self) -> None:
        """Called about once a minute."""

    def close(self) -> None:
        """Let go of what is held."""


@dataclass(frozen=True)
class Options:
    """What a kind of notifier is made from.

    `keys` are those of its section; a key of `Kind.secrets` is also found where only its file or
    a variable of the environment is given. `timeout` are the seconds that sending may take.
    """

    name: str
    keys: Keys
    timeout: float
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def secret(self, key: str) -> str:
        """A key's value that nobody may see; empty where there is none."""
        return self.secrets.get(key, "")

    def needed(self, key: str) -> str:
        """A key's value, secret or not, that must be there.

        Raises:
            ConfigError: it is not.

        """
        value = self.secret(key) or self.keys.get(key)
        if not value:
            raise self.keys.mistake(key, "is missing")
        return value

    def number(self, key: str, usual: int, largest: int, smallest: int = 0) -> int:
        """A key's value as a whole number."""
        value = self.keys.get(key)
        if not value:
            return usual
        # By length first: huge numbers take long to read.
        if value.isascii() and value.isdecimal() and len(value) < 19:
            number = int(value)
            if smallest <= number <= largest:
                return number
        raise self.keys.mistake(key, f"must be a number from {smallest} to {largest}")

    def choice(self, key: str, usual: str, *others: str) -> str:
        """A key's value that is one of a few words."""
        value = self.keys.get(key).lower() or usual
        if value not in (usual, *others):
            raise self.keys.mistake(key, f"must be {', '.join(others)} or {usual}")
        return value


@dataclass(frozen=True)
class Kind:
    """A kind of notifier: the value of `kind`, the keys that it has beside those of all kinds.

    `secrets` are those of `keys` whose values nobody may see. `rate` is the usual one (messages in
    seconds; None: any number), `at_once` how many messages it takes in one go. Where not `sums`,
    each message is for itself and none is summed up with others.
    """

    name: str
    keys: frozenset[str]
    make: Callable[[Options], Notifier]
    secrets: frozenset[str] = frozenset()
    rate: tuple[int, float] | None = (20, 600.0)
    at_once: int = 1
    sums: bool = True


@cache
def kinds() -> Mapping[str, Kind]:
    """All kinds by name, ours first, then those of other packages."""
    found: dict[str, Kind] = {}
    for kind in extensions.load("siemstress.notifiers", Kind):
        found.setdefault(kind.name, kind)
    return found
