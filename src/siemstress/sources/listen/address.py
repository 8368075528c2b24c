"""Where to listen: `udp://0.0.0.0:514`, `tcp://[::1]:1514`, `tls://:6514`, `unix:///run/log`."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import stat
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from siemstress.errors import InputError

PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
_URL = re.compile(r"(udp|tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\[\]:/]*)(?::([0-9]{1,5}))?/?", re.ASCII)
_PATH = re.compile(r"(unix|unix-stream)://(/.+)", re.DOTALL)
_FORMS = "udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH or unix-stream:///PATH"
# What a Unix socket's path may take, in bytes, on Linux.
_LONGEST_PATH = 107


@dataclass(frozen=True)
class Address:
    """What to listen on: a scheme with host and port (an empty host: all), or with a path."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{self.scheme}://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_datagram(self) -> bool:
        """Whether messages come apart from one another, and not in a stream."""
        return self.scheme in {"udp", "unix"}


def parse(text: str) -> Address:
    """An address as the user writes it.

    Raises:
        InputError: it is not one.

    """
    if match := _PATH.fullmatch(text):
        path = match[2]
        if "\0" in path or len(os.fsencode(path)) > _LONGEST_PATH:
            raise InputError(f"{text!r}: a socket's path has up to {_LONGEST_PATH} bytes")
        return Address(match[1], path=path)
    match = _URL.fullmatch(text)
    port = int(match[3]) if match and match[3] else PORTS[match[1]] if match else 0
    if match is None or not 0 < port < 65536:
        raise InputError(f"cannot listen on {text!r}; that would be {_FORMS}")
    return Address(match[1], match[2].strip("[]").replace("*", ""), port)


def bind(address: Address) -> socket.socket:
    """A socket that is bound to an address, without waiting.

    Raises:
        InputError: it cannot be bound.

    """
    kind = socket.SOCK_DGRAM if address.is_datagram else socket.SOCK_STREAM
    try:
        if address.path:
            return _bind_path(address.path, kind)
        return _bind_port(address, kind)
    except (OSError, UnicodeError) as e:
        reason = (e.strerror if isinstance(e, OSError) else None) or str(e)
        raise InputError(f"cannot listen: {reason}", file=str(address)) from e


def _bind_port(address: Address, kind: socket.SocketKind) -> socket.socket:
    host = address.host or ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")  # noqa: S104
    found = socket.getaddrinfo(host, address.port, type=kind, flags=socket.AI_PASSIVE)
    family, _, _, _, name = found[0]
    bound = socket.socket(family, kind)
    try:
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6 and host == "::":
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.setblocking(False)
        bound.bind(name)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_path(path: str, kind: socket.SocketKind) -> socket.socket:
    _clear_away(path, kind)
    bound = socket.socket(socket.AF_UNIX, kind)
    try:
        bound.setblocking(False)
        bound.bind(path)
        # Any program of the machine may log.
        Path(path).chmod(0o666)
    except OSError:
        bound.close()
        raise
    return bound


def _clear_away(path: str, kind: socket.SocketKind) -> None:
    """Remove a socket that a killed process left; one that is listened on stays."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "something that is no socket is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, kind) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def peer_name(scheme: str, host: str) -> str:
    """A peer as events have it in source_path: `udp://192.0.2.1`, `tls://[2001:db8::1]`."""
    host = host.partition("%")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return f"{scheme}://{host}"
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    return f"{scheme}://[{found}]" if isinstance(found, IPv6Address) else f"{scheme}://{found}"
