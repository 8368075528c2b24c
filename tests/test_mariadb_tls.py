"""TLS to a real server: what is verified, and that nothing goes out where it is not."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority
from mariadb_server import QUICK, PrivateServer
from siemstress.config import Server, Tls
from siemstress.errors import ConfigError, StoreError, Unavailable
from siemstress.store.mariadb.connection import REFUSED, Connection

PASSWORD = "pä€ss"  # noqa: S105
OURS = ("DNS:localhost", "IP:127.0.0.1", "IP:::1")


class Network:
    """A server that listens on 127.0.0.1 with certificates that can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "ca")
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.show(self.authority, *OURS)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.options = (
            *QUICK,
            *("--skip-networking=0", "--bind-address=127.0.0.1", f"--port={self.port}"),
            *(f"--ssl-cert={self.certificate}", f"--ssl-key={self.key}"),
            f"--ssl-ca={self.authority.certificate}",
        )
        (folder / "db").mkdir()
        self.process = PrivateServer(folder / "db", self.options)
        self.process.execute(
            "CREATE DATABASE logs",
            f"CREATE USER siem@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL",
            f"CREATE USER plain@'%' IDENTIFIED BY '{PASSWORD}'",
            f"CREATE USER known@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SUBJECT '/CN=siemparse'",
            *(f"GRANT ALL ON logs.* TO {user}@'%'" for user in ("siem", "plain", "known")),
        )

    def show(self, authority: Authority, *names: str, days: int = 2) -> None:
        """Let the server show another certificate; at once if it runs."""
        certificate, key = authority.sign("server", *names, days=days)
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)
        if hasattr(self, "process"):
            self.process.execute("FLUSH SSL")

    def address(self, tls: Tls | None, user: str = "siem", host: str = "127.0.0.1") -> Server:
        """What a config would say."""
        return Server(host, user, PASSWORD, "logs", self.port, tls=tls)

    def verified(self) -> Server:
        """The address with the right authority."""
        return self.address(Tls(self.authority.certificate))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(tmp_path_factory.mktemp("tls"))
    yield network
    network.process.kill()


def cipher(server: Server) -> str:
    connection = Connection(server)
    try:
        ((_, value),) = connection.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return str(value)
    finally:
        connection.close()


def refusal(server: Server) -> str:
    with pytest.raises(StoreError) as caught:
        Connection(server)
    assert caught.value.code in REFUSED
    text = str(caught.value)
    assert text.startswith(f"MariaDB at {server.host}:{server.port}: ")
    assert PASSWORD not in text
    return text


def test_a_verified_connection_is_encrypted(network: Network) -> None:
    assert "TLS" in cipher(network.verified())
    assert "TLS" in cipher(network.address(Tls(network.authority.certificate), host="localhost"))


def test_without_tls_a_user_who_must_have_it_is_refused(network: Network) -> None:
    assert cipher(network.address(None, "plain")) == ""
    assert "Access denied for user 'siem'" in refusal(network.address(None))


def test_an_authority_that_nobody_named(network: Network, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    for tls in (Tls(other.certificate), Tls()):
        text = refusal(network.address(tls))
        assert "its certificate is not accepted: " in text
        assert "nothing was sent" in text


def test_names_and_dates_of_certificates(network: Network) -> None:
    try:
        network.show(network.authority, "DNS:db.example.net")
        assert "not accepted: " in (text := refusal(network.verified()))
        assert "mismatch" in text
        assert "127.0.0.1" in text
        network.show(network.authority, *OURS, days=-1)
        assert "not accepted: certificate has expired" in refusal(network.verified())
    finally:
        network.show(network.authority, *OURS)
    assert "TLS" in cipher(network.verified())


def test_a_client_proves_itself_by_certificate(network: Network, tmp_path: Path) -> None:
    ca = network.authority.certificate
    certificate, key = network.authority.sign("siemparse")
    assert "TLS" in cipher(network.address(Tls(ca, certificate, key), "known"))
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    assert "TLS" in cipher(network.address(Tls(ca, both), "known"))
    assert "Access denied" in refusal(network.address(Tls(ca), "known"))
    foreign = Authority(tmp_path / "foreign").sign("siemparse")
    # The server breaks off, which is seen as that or as the end of the connection.
    with pytest.raises(StoreError):
        Connection(network.address(Tls(ca, *foreign), "known"))


def test_files_that_hold_something_else(network: Network, tmp_path: Path) -> None:
    ca = network.authority.certificate
    certificate, key = network.authority.sign("siemparse")
    _, another = network.authority.sign("other")
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("nothing\n")
    locked = tmp_path / "locked.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked], check=True
    )
    for tls, message in (
        (Tls(wrong), f"{wrong}: tls_ca: no certificate can be read"),
        (Tls(tmp_path / "none"), f"{tmp_path}/none: tls_ca: no certificate can be read: No such"),
        (Tls(ca, wrong), f"{wrong}: tls_cert: no certificate with its private key"),
        (Tls(ca, certificate, another), f"({another}): key values mismatch"),
        (Tls(ca, certificate, locked), "the key is protected by a password"),
    ):
        with pytest.raises(ConfigError) as caught:
            Connection(network.address(tls, "known"))
        assert message in str(caught.value)


def test_the_commands_go_by_the_config(network: Network, tmp_path: Path) -> None:
    conf = tmp_path / "siemstress.conf"
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    shutil.copy(network.authority.certificate, tmp_path / "ca.pem")
    place = f"127.0.0.1:{network.port}"
    url = f"mariadb://siem@{place}/logs?tls_ca=ca.pem&password_file=password"

    def sections(*lines: str) -> subprocess.CompletedProcess[str]:
        conf.write_text("\n".join(["[siemstress]", *lines]))
        program: list[str | Path] = [
            Path(sys.executable).parent / "siemmanage",
            "-c",
            conf,
            "sections",
        ]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    conf.touch(mode=0o600)
    assert sections(f"store={url}").stderr == ""
    done = sections(f"server={place}", "user=siem", "database=logs", "password=wrong", "tls=yes")
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"siemmanage: MariaDB at {place}: its certificate is not accepted"
    )
    assert done.stderr.count("\n") == 1


def test_a_server_without_tls(network: Network) -> None:
    network.process.stop()
    network.process.start("--ssl=0")
    try:
        assert "SSL is required but the server doesn't support it" in refusal(network.verified())
    finally:
        network.process.stop()
        network.process.start()
    assert "TLS" in cipher(network.verified())


def test_who_runs_the_command_is_known_by_the_socket(network: Network) -> None:
    me = getpass.getuser()
    network.process.execute(
        f"CREATE OR REPLACE USER `{me}`@localhost IDENTIFIED VIA unix_socket",
        f"GRANT ALL ON logs.* TO `{me}`@localhost",
        "CREATE OR REPLACE USER other@localhost IDENTIFIED VIA unix_socket",
        *(
            (
                "CREATE USER root_by_password@localhost",
                "GRANT ALL ON *.* TO root_by_password@localhost WITH GRANT OPTION",
            )
            if me == "root"
            else ()
        ),
    )
    by_socket = network.process.socket
    connection = Connection(Server("localhost", me, "", "logs", socket=by_socket))
    assert connection.value("SELECT CURRENT_USER()") == f"{me}@localhost"
    connection.close()
    with pytest.raises(StoreError, match="Access denied for user 'other'@'localhost'"):
        Connection(Server("localhost", "other", "", "logs", socket=by_socket))


@pytest.mark.parametrize(
    "plugin", ["mysql_clear_password", "dialog", "sha256_password", "caching_sha2_password"]
)
def test_no_password_in_clear_text_for_a_server_that_asks(network: Network, plugin: str) -> None:
    """A proxy turns the server's answer into the wish for the password itself."""
    heard = bytearray()
    wish = b"\xfe" + plugin.encode() + b"\0" + b"x" * 20 + b"\0"

    def between(listener: socket.socket) -> None:
        ours, _ = listener.accept()
        theirs = socket.create_connection(("127.0.0.1", network.port))
        with ours, theirs:
            ours.sendall(theirs.recv(65536))
            heard.extend(ours.recv(65536))
            ours.sendall(len(wish).to_bytes(3, "little") + b"\x02" + wish)
            ours.settimeout(5)
            while data := ours.recv(65536):
                heard.extend(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=between, args=(listener,))
        thread.start()
        server = Server("127.0.0.1", "plain", PASSWORD, "logs", listener.getsockname()[1])
        text = refusal(server)
        thread.join()
    assert f"wants the password by {plugin}, which is not safe without encryption" in text
    assert b"plain" in heard
    assert PASSWORD.encode() not in heard


def test_a_server_that_is_away_may_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        Connection(Server("127.0.0.1", "x", "", "x", port, tls=Tls()))
    assert caught.value.code not in REFUSED
