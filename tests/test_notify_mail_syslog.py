"""Mail and syslog, to receivers that are real, with what attackers would have in them."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from certificates import Authority
from notifying import HOSTILE, dripping, message, send
from siemstress.notify.base import NotSent

ONE = message()
EVIL = message(message=HOSTILE, group_key=json.dumps({"source_host": HOSTILE}), source_rule=HOSTILE)


# Mail -------------------------------------------------------------------------------------------


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _kind: str, data: Any
    ) -> Any:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"pass word", handled=False)


@contextmanager
def mail_server(tls: str, pair: tuple[Path, Path] | None) -> Iterator[tuple[Mailbox, int]]:
    box = Mailbox()
    context = None
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
    how: dict[str, Any] = {"ssl_context": context} if tls == "implicit" else {}
    if tls == "starttls":
        how = {"tls_context": context, "require_starttls": True}
    if tls != "no":
        how |= {"authenticator": box.authenticate, "auth_require_tls": tls == "starttls"}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, **how)
    # Its own check would make a handshake, with a context that knows no authority.
    knock = partial(socket.create_connection, ("127.0.0.1", port))
    controller._trigger_server = lambda: knock().close()  # type: ignore[method-assign] # see above
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()


MAIL = "kind=email\nfrom=SIEM <siem@example.com>\nto=a@example.com, b@example.com\n"


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail_is_sent_encrypted_with_a_login(tls: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    secret = tmp_path / "secret"
    secret.write_text("pass word\n")
    secret.chmod(0o600)
    login = f"tls={tls}\nuser=siem\npassword_file=secret\n"
    with mail_server(tls, authority.sign("mail", "IP:127.0.0.1")) as (box, port):
        text = f"{MAIL}{login}server=127.0.0.1:{port}\n"
        send(tmp_path, f"{text}tls_ca={authority.certificate}", ONE, EVIL)
        with pytest.raises(NotSent, match=r"(?i)certificate"):
            send(tmp_path, text)
        secret.write_text("wrong")
        with pytest.raises(NotSent, match="535") as caught:
            send(tmp_path, f"{text}tls_ca={authority.certificate}")
        assert "wrong" not in str(caught.value)
    assert box.logins[0] == (b"siem", b"pass word")
    assert set(box.logins[1:]) == {(b"siem", b"wrong")}  # By each way that there is.
    (to, mail), (_, evil) = box.mails
    assert to == ["a@example.com", "b@example.com"]
    assert mail["Subject"] == "[err] Guessing of passwords, number 1"
    assert mail["Message-ID"] == "<message1@example.com>"
    assert mail["From"] == "SIEM <siem@example.com>"
    assert "source_host: 203.0.113.9" in mail.get_content()
    assert evil["Bcc"] is None
    assert "\n.\n" not in evil.get_content()
    assert "Bcc: evil@example.com" in evil["Subject"]


def test_mail_without_tls_only_where_asked(tmp_path: Path) -> None:
    with mail_server("no", None) as (box, port):
        send(tmp_path, f"{MAIL}tls=no\nserver=127.0.0.1:{port}\n")
        with pytest.raises(NotSent, match=r"(?i)starttls"):
            send(tmp_path, f"{MAIL}server=127.0.0.1:{port}\n")
    assert len(box.mails) == 1


def test_a_mail_server_that_never_ends_is_left(tmp_path: Path) -> None:
    with dripping(b"220 a") as port:
        began = time.monotonic()
        with pytest.raises(NotSent):
            send(tmp_path, f"{MAIL}server=127.0.0.1:{port}\ntimeout=1")
        assert time.monotonic() - began < 10


# Syslog -----------------------------------------------------------------------------------------


def test_syslog_by_udp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        send(tmp_path, f"kind=syslog\nserver=127.0.0.1:{server.getsockname()[1]}", ONE, EVIL)
        plain, evil = server.recv(4096).decode(), server.recv(4096).decode()
    assert plain.startswith(f"<{16 * 8 + 3}>1 20")
    assert 'rule="ssh guess"' in plain
    assert plain.endswith("\ufeffGuessing of passwords, number 1")
    assert evil.isprintable() or {c for c in evil if not c.isprintable()} == {"\ufeff"}
    structure = r'\[alert@32473( [^ =\]"]+="([^"\\\]]|\\["\\\]])*")+\] \ufeff[^\ufeff]+'
    assert re.fullmatch(structure, evil[evil.index("[alert") :])


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_syslog_by_a_connection(transport: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("log", "IP:127.0.0.1"))
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer: socket.socket = server.accept()[0]
            if transport == "tls":
                peer = context.wrap_socket(peer, server_side=True)
            with peer:
                while data := peer.recv(65536):
                    got.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        text = f"kind=syslog\ntransport={transport}\nserver=127.0.0.1:{server.getsockname()[1]}"
        send(tmp_path, f"{text}\nfacility=auth\ntls_ca={authority.certificate}", ONE, EVIL)
        thread.join(10)
    data = b"".join(got)
    lines = []
    while data:
        length, _, data = data.partition(b" ")
        lines.append(data[: int(length)])
        data = data[int(length) :]
    assert len(lines) == 2
    assert all(line.startswith(b"<35>1 ") for line in lines)


def test_syslog_that_nobody_takes_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(NotSent):
        send(tmp_path, "kind=syslog\ntransport=tcp\nserver=127.0.0.1:1")
