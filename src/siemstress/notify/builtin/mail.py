"""Email, by SMTP."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from siemstress.config.extraction import names_in
from siemstress.notify.base import Kind, Notifier, NotSent, Options
from siemstress.notify.message import Message
from siemstress.notify.sockets import Server, connected, limited, server_of
from siemstress.notify.texts import one_line, without
from siemstress.notify.web import check_authorities, is_this_machine

_PORTS = {"starttls": 587, "implicit": 465, "no": 25}
_SUBJECT = 200
_ADDRESS = re.compile(
    r'("?[^"<>@\x00-\x1f\x7f]*"?)\s*<([^<>\s@]+@[^<>\s@]+)>\Z|([^<>\s@,]+@[^<>\s@,]+)\Z'
)


class Email(Notifier):
    """Sends mail, encrypted and to a server whose certificate is verified unless `tls=no`."""

    def __init__(self, options: Options) -> None:
        keys = options.keys
        self._tls = options.choice("tls", "starttls", "implicit", "no")
        self._server = server_of(options, "server", _PORTS[self._tls])
        self._from = _address(options, "from", options.needed("from"))
        self._to = [_address(options, "to", text) for text in names_in(options.needed("to"))]
        self._user, self._password = keys.get("user"), options.secret("password")
        if bool(self._user) != bool(self._password):
            wrong = "password" if self._user else "user"
            raise keys.mistake(wrong, "is missing; a login needs `user` and `password`")
        if self._user and self._tls == "no" and not is_this_machine(self._server[0]):
            raise keys.mistake("tls", "must not be no where there is a password")
        self._ca = keys.path("tls_ca")
        check_authorities(options)
        self._timeout = options.timeout

    def send(self, messages: Sequence[Message]) -> None:
        """Send each as a mail of its own, all over one connection."""
        where = f"{self._server[0]}:{self._server[1]}"
        try:
            with contextlib.ExitStack() as stack:
                smtp = self._connected(stack)
                for message in messages:
                    refused = smtp.send_message(self.mail(message))
                    if refused:
                        raise NotSent(f"{where}: refused for {', '.join(sorted(refused))}")
        except smtplib.SMTPRecipientsRefused as e:
            said = next(iter(e.recipients.values()), (0, b""))[1]
            raise NotSent(f"{where}: no recipient is taken: {self._said(said)}") from None
        except smtplib.SMTPResponseException as e:
            raise NotSent(f"{where}: {e.smtp_code}: {self._said(e.smtp_error)}") from None
        except (smtplib.SMTPException, OSError, ValueError) as e:
            raise NotSent(f"{where}: {self._said(str(e)) or type(e).__name__}") from None

    def mail(self, message: Message) -> EmailMessage:
        """A message as a mail."""
        found = EmailMessage(SMTP)
        found["From"] = self._from
        found["To"] = self._to
        found["Subject"] = one_line(f"[{message.level}] {message.title}", _SUBJECT)
        found["Date"] = format_datetime(datetime.now(UTC))
        found["Message-ID"] = f"<{message.id}@{self._from.domain}>"
        found["Auto-Submitted"] = "auto-generated"
        found["X-Siemstress-Message"] = message.id
        facts = [f"{name}: {value}" for name, value in message.facts]
        lines = [message.title, *([""] if message.lines else []), *message.lines, "", *facts]
        text = "\n".join(lines) + "\n"
        found.set_content(text.encode("utf-8", "replace").decode(), cte="quoted-printable")
        return found

    def _connected(self, stack: contextlib.ExitStack) -> smtplib.SMTP:
        ca = str(self._ca) if self._ca else None
        context = ssl.create_default_context(cafile=ca)
        at_once = context if self._tls == "implicit" else None
        smtp = stack.enter_context(_Smtp(self._server, self._timeout, at_once, stack))
        if self._tls == "starttls":
            smtp.starttls(context=context)
        if self._user:
            smtp.login(self._user, self._password)
        return smtp

    def _said(self, text: bytes | str) -> str:
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        return one_line(without(text, (self._password,)), 200)


class _Smtp(smtplib.SMTP):
    """SMTP that is over after its time, from the connection on; with a context in TLS."""

    def __init__(
        self,
        server: Server,
        timeout: float,
        context: ssl.SSLContext | None,
        stack: contextlib.ExitStack,
    ) -> None:
        self._context, self._stack = context, stack
        name = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()) or "localhost"
        super().__init__(*server, local_hostname=name, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """What smtplib calls for its connection."""
        found = connected((host, port), timeout)
        self._stack.enter_context(limited(found, timeout))
        if self._context is None:
            return found
        return self._context.wrap_socket(found, server_hostname=host)


def _address(options: Options, key: str, text: str) -> Address:
    match = _ADDRESS.match(text.strip())
    try:
        if match is not None:
            name = (match[1] or "").strip().strip('"')
            return Address(name, addr_spec=match[2] or match[3])
    except (ValueError, IndexError, MessageError):
        pass
    raise options.keys.mistake(key, "must be an address like alerts@example.com")


EMAIL = Kind(
    "email",
    frozenset({"server", "tls", "tls_ca", "user", "password", "from", "to"}),
    Email,
    frozenset({"password"}),
    at_once=1,
)
