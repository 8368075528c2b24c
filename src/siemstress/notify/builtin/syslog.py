"""Syslog, as RFC 5424 has it, by UDP, TCP or TLS."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

from siemstress.formats.syslog import FACILITIES
from siemstress.notify.base import Kind, Notifier, NotSent, Options
from siemstress.notify.message import Message
from siemstress.notify.sockets import connected, limited, server_of
from siemstress.notify.texts import cut, one_line
from siemstress.notify.web import check_authorities

_PORTS = {"udp": 514, "tcp": 514, "tls": 6514}
_LONGEST_DATAGRAM, _LONGEST = 2048, 8192
# RFC 5424's number for examples: private ones are given to companies only.
_STRUCTURE = "alert@32473"


class Syslog(Notifier):
    """Sends each message as a line of syslog, its facts as structured data."""

    def __init__(self, options: Options) -> None:
        keys = options.keys
        self._transport = options.choice("transport", "udp", "tcp", "tls")
        self._server = server_of(options, "server", _PORTS[self._transport])
        facility = keys.get("facility").lower() or "local0"
        if facility not in FACILITIES:
            raise keys.mistake("facility", f"must be of: {', '.join(FACILITIES)}")
        self._facility = FACILITIES.index(facility)
        self._ca = keys.path("tls_ca")
        check_authorities(options)
        self._timeout = options.timeout

    def send(self, messages: Sequence[Message]) -> None:
        """Send all over one connection."""
        lines = [line_of(message, self._facility) for message in messages]
        try:
            if self._transport == "udp":
                self._datagrams(lines)
            else:
                self._stream(lines)
        except (OSError, ssl.SSLError) as e:
            where = f"{self._server[0]}:{self._server[1]}"
            raise NotSent(f"{where}: {one_line(e, 200) or type(e).__name__}") from None

    def _datagrams(self, lines: Sequence[str]) -> None:
        family, kind, number, _, address = socket.getaddrinfo(
            *self._server, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, number) as sender:
            sender.settimeout(self._timeout)
            sender.connect(address)
            for line in lines:
                sender.send(_cut_bytes(line, _LONGEST_DATAGRAM))

    def _stream(self, lines: Sequence[str]) -> None:
        plain = connected(self._server, self._timeout)
        with limited(plain, self._timeout):
            stream = plain
            if self._transport == "tls":
                ca = str(self._ca) if self._ca else None
                context = ssl.create_default_context(cafile=ca)
                stream = context.wrap_socket(plain, server_hostname=self._server[0])
            with stream:
                # RFC 6587, 3.4.1: each with its length in front.
                framed = (_cut_bytes(line, _LONGEST) for line in lines)
                stream.sendall(b"".join(b"%d %s" % (len(data), data) for data in framed))
                _closed_by_both(stream)


def line_of(message: Message, facility: int) -> str:
    """A message as a line of syslog."""
    values = message.values
    facts = {"id": message.id, "what": message.what, "alert": values.get("alert_id")}
    facts |= {"rule": values.get("rule"), "events": values.get("events")}
    group = values.get("group")
    facts |= {f"group.{n}": v for n, v in group.items()} if isinstance(group, dict) else {}
    structure = "".join(
        f' {_name(name)}="{_quoted(value)}"' for name, value in facts.items() if value is not None
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = re.sub(r"[^\x21-\x7e]", "_", socket.gethostname())[:255] or "-"
    head = f"<{facility * 8 + message.severity}>1 {now} {host} siemtrigger {os.getpid()} alert"
    text = one_line(" | ".join((message.title, *message.lines)), 1500)
    return f"{head} [{_STRUCTURE}{structure}] \ufeff{text}"


def _name(text: str) -> str:
    """RFC 5424, 6.3.3: printable, without blanks, `=`, `]`, `"`, up to 32 characters."""
    return re.sub(r'[^\x21-\x7e]|[="\]]', "_", text)[:32]


def _quoted(value: object) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", one_line(value, 300))


def _cut_bytes(text: str, longest: int) -> bytes:
    data = cut(text, longest).encode("utf-8", "replace")
    return data if len(data) <= longest else data[:longest].decode("utf-8", "ignore").encode()


def _closed_by_both(stream: socket.socket) -> None:
    """Say that no more comes, and see whether the other end has closed or reset meanwhile."""
    stream.settimeout(0.2)
    try:
        if not isinstance(stream, ssl.SSLSocket):
            stream.shutdown(socket.SHUT_WR)
        stream.recv(1)
    except TimeoutError:
        pass  # Receivers of syslog do not answer.


SYSLOG = Kind(
    "syslog",
    frozenset({"server", "transport", "facility", "tls_ca"}),
    Syslog,
    rate=None,
    at_once=200,
)
