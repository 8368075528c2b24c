"""Block lists: addresses of alerts, in sets of nftables or in a file, until they expire."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from siemstress.config.extraction import names_in
from siemstress.errors import QueryError
from siemstress.notify.base import Kind, Notifier, NotSent, Options
from siemstress.notify.filling import as_text, value_of
from siemstress.notify.message import OPEN, TEST, Message
from siemstress.notify.texts import one_line
from siemstress.query.times import parse_span

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SHARED = frozenset({"column", "expiry", "never", "private"})
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,30}\Z")
# Global in all but name; in a network of one's own they are nobody's.
_EXAMPLES = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)


class _Blocker(Notifier):
    """What both have in common: whose address is blocked, how long, and whose never."""

    def __init__(self, options: Options) -> None:
        keys = options.keys
        self._column = keys.get("column") or "source_host"
        try:
            self._expiry = parse_span(keys.get("expiry") or "1h", "expiry")
        except QueryError as e:
            raise keys.mistake("expiry", e.message) from None
        if self._expiry > timedelta(days=365):
            raise keys.mistake("expiry", "must be a year at most")
        self._private = options.choice("private", "no", "yes") == "yes"
        self._never = []
        for text in names_in(keys.get("never")):
            try:
                self._never.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise keys.mistake("never", f"{text[:60]!r} is no address and no network") from None
        self._timeout = options.timeout

    def refused(self, message: Message) -> str | None:
        """Why nobody is blocked for a message."""
        if message.what not in (OPEN, TEST):
            return f"nobody is blocked for {message.what}"
        address = address_of(message, self._column)
        if address is None:
            return f"{self._column} is no address"
        return self._spared(address)

    def _spared(self, address: Address) -> str | None:
        """Why an address is not blocked; None: it may be."""
        for network in self._never:
            if address in network:
                return f"{address} is of {network}, which is never blocked"
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            return f"{address} is no other machine's"
        if address.is_link_local or is_own(address):
            return f"{address} is this machine's, or on its own link"
        is_example = any(address in n for n in _EXAMPLES)
        if not address.is_global and not is_example and not self._private:
            return f"{address} is private; private=yes allows that"
        return None

    def _addresses(self, messages: Sequence[Message]) -> list[Address]:
        found = (address_of(message, self._column) for message in messages)
        return list(dict.fromkeys(a for a in found if a is not None and self._spared(a) is None))


class Nftables(_Blocker):
    """Elements with a timeout in two sets, one for each version of IP."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        keys = options.keys
        names = {"table": "siemstress", "set4": "blocked4", "set6": "blocked6"}
        names = {key: keys.get(key) or usual for key, usual in names.items()}
        for key, name in names.items():
            if not _WORD.match(name):
                raise keys.mistake(key, "must be a name of letters, digits and `_`")
        self._table = f"inet {names['table']}"
        self._sets = {4: names["set4"], 6: names["set6"]}
        program = shutil.which(keys.get("nft") or "nft", path=_search_path())
        if program is None:
            raise keys.mistake("nft", "there is no program nft; install nftables")
        self._program = program

    def send(self, messages: Sequence[Message]) -> None:
        """Block, or block for longer, in one transaction."""
        self._run("".join([self._made(), *map(self._element, self._addresses(messages))]))

    def test(self, message: Message) -> None:
        """Only see whether the sets can be there."""
        del message
        self._run(self._made())

    def _made(self) -> str:
        """Make what is not there yet."""
        made = f"add table {self._table}\n"
        for version, name in self._sets.items():
            kind = f"{{ type ipv{version}_addr; flags timeout; }}"
            made += f"add set {self._table} {name} {kind}\n"
        return made

    def _element(self, address: Address) -> str:
        """An element anew: one that is there would keep its old time."""
        place = f"element {self._table} {self._sets[address.version]}"
        seconds = int(self._expiry.total_seconds())
        timed = f"{{ {address} timeout {seconds}s }}"
        return f"add {place} {timed}\ndelete {place} {{ {address} }}\nadd {place} {timed}\n"

    def _run(self, script: str) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - addresses and names are checked
                [self._program, "-f", "-"],
                input=script.encode(),
                capture_output=True,
                timeout=self._timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise NotSent(f"nft: {one_line(e, 200)}") from None
        if done.returncode:
            raise NotSent(f"nft: {one_line(done.stderr[:1000].decode('utf-8', 'replace'), 200)}")


class BlockFile(_Blocker):
    """A file with an address a line, each with when it expires."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        options.needed("path")
        path = options.keys.path("path")
        assert path is not None  # noqa: S101 - it is needed
        if not path.parent.is_dir():
            raise options.keys.mistake("path", f"there is no folder {path.parent}")
        self._path: Path = path

    def send(self, messages: Sequence[Message]) -> None:
        """Write the file anew, whole, in place of the old one."""
        self._write(self._addresses(messages))

    def test(self, message: Message) -> None:
        """Only see whether the file can be written."""
        del message
        self._write([])

    def tidy(self) -> None:
        """Take out what has expired."""
        if self._path.exists():
            self._write([])

    def _write(self, fresh: Sequence[Address]) -> None:
        try:
            with self._locked():
                before = self._read()
                now = datetime.now(UTC).replace(microsecond=0)
                after = {a: until for a, until in before.items() if until > now}
                for address in fresh:
                    after[str(address)] = max(now + self._expiry, after.get(str(address), now))
                if after != before or not self._path.exists():
                    self._replace(after)
        except OSError as e:
            raise NotSent(f"{self._path}: {e.strerror}") from None

    def _read(self) -> dict[str, datetime]:
        try:
            text = self._path.read_text("utf-8", "replace")
        except FileNotFoundError:
            return {}
        found: dict[str, datetime] = {}
        for line in text.splitlines():
            address, _, rest = line.partition(" # until ")
            with contextlib.suppress(ValueError):
                found[str(ipaddress.ip_address(address.strip()))] = datetime.strptime(
                    rest.strip(), "%Y-%m-%dT%H:%M:%S%z"
                )
        return found

    def _replace(self, entries: dict[str, datetime]) -> None:
        lines = (f"{a} # until {until:%Y-%m-%dT%H:%M:%S}Z\n" for a, until in entries.items())
        fresh = self._path.with_name(f".{self._path.name}.new")
        with fresh.open("w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o644)
            out.writelines(lines)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def address_of(message: Message, name: str) -> Address | None:
    """The address that a message has under a name of a column or of its group."""
    text = as_text(value_of(name, message.values)).strip()
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def is_own(address: Address) -> bool:
    """Whether an address is one of the machine's: then, and only then, can a socket have it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as e:
        # Whatever else went wrong says nothing of the address.
        return e.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
    return True


def _search_path() -> str:
    """Where programs are, with the folders of those for root, which services may lack."""
    return os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


NFTABLES = Kind(
    "nftables",
    _SHARED | {"table", "set4", "set6", "nft"},
    Nftables,
    rate=None,
    at_once=500,
    sums=False,
)
BLOCKFILE = Kind("blockfile", _SHARED | {"path"}, BlockFile, rate=None, at_once=500, sums=False)
