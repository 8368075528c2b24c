"""siemparse --listen with real senders, and with attackers."""

from __future__ import annotations

import resource
import signal
import socket
import ssl
import time
from pathlib import Path

import pytest

from certificates import Authority
from collecting import connected, free_port, lake_site, pki, site, stop, tls_flags, until
from running import Site, split, syslog

__all__ = ["lake_site", "pki", "site"]


def paths(site: Site) -> set[str]:
    return {event["source_path"] for event in site.events()}


def test_several_at_once_and_what_they_say_of_themselves(site: Site) -> None:
    tcp, udp = free_port(), free_port(socket.SOCK_DGRAM)
    unix, stream = site.folder / "dgram", site.folder / "stream"
    urls = [f"tcp://127.0.0.1:{tcp}", f"udp://127.0.0.1:{udp}", f"unix://{unix}"]
    process = site.start("--listen", *urls, f"unix-stream://{stream}")
    with connected(tcp) as one, connected(tcp) as two:
        one.sendall(syslog(2) + b"half of ")
        counted = b"<34>1 2026-03-01T12:00:00Z host su 77 ID47 - counted"
        two.sendall(b"%d %s%d " % (len(counted), counted, len(counted)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<13>Aug 23 06:15:38 h p: by UDP\n", ("127.0.0.1", udp))
            sender.sendto(b"", ("127.0.0.1", udp))
            sender.sendto(b"<13>Aug 23 06:15:38 h p: two\nlines", ("127.0.0.1", udp))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"<13>Aug 23 06:15:38 h p: by a socket", str(unix))
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sender:
            sender.connect(str(stream))
            sender.sendall(b"<13>Aug 23 06:15:38 h p: by a stream")
        until(lambda: site.count() == 8)
        one.sendall(b"one\n")
        two.sendall(counted)
        until(lambda: site.count() == 10)
        two.sendall(b"<13>Aug 23 06:15:38 h p: without an end")
        two.close()
        until(lambda: site.count() == 11)
        one.sendall(b"the last")
    said = stop(process)
    assert "stored 12 lines" in said
    lines = site.lines()
    for line in (*split(syslog(2)), b"half of one", b"the last", b"lines", counted):
        assert line in lines
    assert paths(site) == {
        "tcp://127.0.0.1", "udp://127.0.0.1", f"unix://{unix}", f"unix-stream://{stream}",
    }  # fmt: skip
    assert not unix.exists()
    event = next(e for e in site.events() if e["message"] == "by UDP")
    assert (event["host"], event["process"], event["severity"]) == ("h", "p", 5)


def test_a_killed_listener_leaves_its_socket_to_the_next(site: Site) -> None:
    unix = site.folder / "log"
    for number in range(2):
        process = site.start("-q", "--listen", f"unix://{unix}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            until(lambda: _sent(sender, unix))
        until(lambda: site.count() == number + 1)  # noqa: B023
        if number == 0:
            process.kill()
            process.communicate()
    said = site.run("--listen", f"unix://{unix}", status=2)
    assert said == [f"siemparse: unix://{unix}: cannot listen: another process listens there"]
    stop(process)


def _sent(sender: socket.socket, path: Path) -> bool:
    try:
        sender.sendto(b"Aug 23 06:15:38 h p: m", str(path))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--listen", "http://x"], "cannot listen on 'http://x'; that would be udp://"),
        (["--listen", "tls://127.0.0.1:6514"], "listening with TLS wants a certificate"),
        (["--listen", "tls://:6514", "--tls-certificate", "no.pem"], "no.pem: No such file"),
        (["--listen", "tls://:6514", "--tls-certificate", "s.conf"], "cannot be used for TLS"),
        (["--listen", "tcp://192.0.2.1:9"], "tcp://192.0.2.1:9: cannot listen: "),
        (["--listen", "unix:///dev/null"], "something that is no socket is there"),
        (["a.log", "--listen", "udp://:514"], "files go with other sources only"),
    ],
)
def test_mistakes_are_one_line(lake_site: Site, arguments: list[str], wanted: str) -> None:
    said = lake_site.run(*arguments, status=2)
    assert len(said) == 1
    assert wanted in said[0]


def test_tls_with_certificates_of_peers(site: Site, pki: Authority) -> None:
    port = free_port()
    process = site.start("--listen", f"tls://127.0.0.1:{port}", *tls_flags(pki))
    context = ssl.create_default_context(cafile=pki.certificate)
    context.check_hostname = False
    connected(port).close()
    with connected(port) as plain:
        plain.sendall(b"this is not TLS\n")
    with context.wrap_socket(connected(port)) as stranger:
        assert _refused(stranger)
    context.load_cert_chain(*pki.sign("peer"))
    with context.wrap_socket(connected(port)) as peer:
        lines = split(syslog(5000))
        peer.sendall(b"".join(b"%d <13>%s" % (len(line) + 4, line) for line in lines))
    until(lambda: site.count() == 5000)
    said = stop(process)
    assert "tls://127.0.0.1: no connection: " in said
    assert site.lines() == [b"<13>" + line for line in lines]
    assert paths(site) == {"tls://127.0.0.1"}


def _refused(stranger: ssl.SSLSocket) -> bool:
    try:
        stranger.sendall(b"<1>from a stranger\n")
        return stranger.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def test_a_line_of_gigantic_length_takes_no_memory(lake_site: Site) -> None:
    port = free_port()
    process = lake_site.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
    block = b"x" * (1 << 20)
    with connected(port) as sender:
        for _ in range(64):
            sender.sendall(block)
        sender.sendall(b"\nshort\n")
    until(lambda: any(line == b"short" for line in lake_site.lines()))
    assert _peak(process.pid) < 500
    stop(process)
    assert sum(map(len, lake_site.lines())) == 64 * len(block) + 5


def _peak(pid: int) -> float:
    """The most memory a process had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def test_hundreds_of_connections(lake_site: Site) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2000, hard)), hard))
    port = free_port()
    process = lake_site.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
    senders = [connected(port) for _ in range(300)]
    for number, sender in enumerate(senders):
        sender.sendall(b"Aug 23 06:15:38 h p: number %d, fir" % number)
    for sender in senders:
        sender.sendall(b"st\n")
    until(lambda: lake_site.count() == 300)
    for sender in senders:
        sender.close()
    stop(process)
    wanted = [b"Aug 23 06:15:38 h p: number %d, first" % n for n in range(300)]
    assert sorted(lake_site.lines()) == sorted(wanted)


def test_a_stopped_listener_makes_tcp_senders_wait(site: Site) -> None:
    port = free_port()
    process = site.start("-q", "--listen", f"tcp://127.0.0.1:{port}")
    with connected(port) as sender:
        process.send_signal(signal.SIGSTOP)
        sender.settimeout(2)
        data, sent = syslog(30_000, extra=b" " + b"x" * 900), 0
        while (more := _taken(sender, data[sent : sent + 65536])) > 0:
            sent += more
        assert sent < len(data)
        process.send_signal(signal.SIGCONT)
        sender.settimeout(60)
        sender.sendall(data[sent:])
    until(lambda: site.count() == 30_000)
    stop(process)
    assert site.lines() == split(data)


def _taken(sender: socket.socket, data: bytes) -> int:
    """How much of some data was taken within the time limit."""
    try:
        return sender.send(data)
    except TimeoutError:
        return 0


def test_drops_of_datagrams_are_counted(lake_site: Site) -> None:
    port = free_port(socket.SOCK_DGRAM)
    url = f"udp://127.0.0.1:{port}"
    sent = 0
    for _ in range(2):
        process = lake_site.start("--listen", url)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port))
            before = lake_site.count()
            until(lambda: _answered(sender) or lake_site.count() > before)  # noqa: B023
            time.sleep(2.5)
            sent += lake_site.count() - before
            before = lake_site.count()
            process.send_signal(signal.SIGSTOP)
            for n in range(3000):
                sender.send(b"Aug 23 06:15:38 h p: %d " % n + b"x" * 30_000)
            sent += 3000
            process.send_signal(signal.SIGCONT)
            time.sleep(2.5)
        assert "the kernel dropped" in stop(process)
    status = lake_site.store.status("Entries")
    assert status is not None
    (dropped,) = [at for name, at in status.consumers.items() if name.startswith("drops:")]
    assert dropped > 0
    assert lake_site.count() + dropped == sent


def _answered(sender: socket.socket) -> bool:
    """Send one; whether somebody listens already."""
    try:
        sender.send(b"Aug 23 06:15:38 h p: are you there?")
        time.sleep(0.1)
        sender.send(b"Aug 23 06:15:38 h p: are you there?")
    except ConnectionRefusedError:
        return False
    return True
