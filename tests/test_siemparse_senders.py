"""siemparse --listen with the senders that there are: logger, rsyslog, syslog-ng."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from certificates import Authority
from collecting import connected, free_port, lake_site, pki, stop, tls_flags, until
from running import Site

__all__ = ["lake_site", "pki"]
ROOT = Path(__file__).resolve().parent.parent
MANY = 2000


def needs(found: str | Path | None, reason: str) -> str:
    if found is None or not Path(found).exists():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    return str(found)


def test_logger_sends_by_everything(lake_site: Site) -> None:
    logger = needs(shutil.which("logger"), "logger is not installed: apt-get install bsdutils")
    tcp, udp, unix = free_port(), free_port(socket.SOCK_DGRAM), lake_site.folder / "log"
    urls = [f"tcp://127.0.0.1:{tcp}", f"udp://127.0.0.1:{udp}", f"unix://{unix}"]
    process = lake_site.start("-q", "--listen", *urls)
    connected(tcp).close()
    ways = [
        ["-T", "-P", str(tcp), "--rfc3164"],
        ["-T", "-P", str(tcp), "--octet-count"],
        ["-T", "-P", str(tcp), "--rfc5424"],
        ["-T", "-P", str(tcp), "--rfc5424", "--octet-count"],
        ["-d", "-P", str(udp), "--rfc3164"],
        ["-d", "-P", str(udp), "--rfc5424"],
    ]
    for number, way in enumerate(ways):
        text = f"message {number} by logger"
        command = [logger, "-n", "127.0.0.1", "-t", "tag", "-p", "auth.warning", *way, text]
        subprocess.run(command, check=True)
    subprocess.run([logger, "-u", str(unix), "-t", "tag", "-p", "auth.warning", "it"], check=True)
    until(lambda: lake_site.count() == 7)
    stop(process)
    for event in lake_site.events():
        facts = (event["process"], event["facility"], event["severity"], event["parsed"])
        assert facts == ("tag", "auth", 4, True)


@contextmanager
def daemon(*command: object, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """A program that runs meanwhile."""
    variables = {**os.environ, **(environment or {})}
    process = subprocess.Popen(
        list(map(str, command)), env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()


RSYSLOG = """
module(load="imfile")
global(workDirectory="{folder}" {globals})
input(type="imfile" file="{folder}/in.log" tag="in" ruleset="send")
ruleset(name="send") {{
  action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" {options}
         template="RSYSLOG_SyslogProtocol23Format")
}}
"""
BY_TLS = (
    'TCP_Framing="octet-counted" StreamDriver="ossl" StreamDriverMode="1"'
    ' StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server"'
)


def _check_all_came(site: Site) -> None:
    until(lambda: site.count() == MANY)
    messages = [event["message"] for event in site.events()]
    assert messages == [f"line {n} of many" for n in range(MANY)]


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("tcp", 'TCP_Framing="octet-counted"'),
        ("tcp", 'TCP_Framing="traditional"'),
        ("tls", BY_TLS),
    ],
    ids=["octets", "lines", "tls"],
)
def test_rsyslog_sends(lake_site: Site, pki: Authority, scheme: str, options: str) -> None:
    rsyslogd = needs(
        shutil.which("rsyslogd", path=f"{os.environ['PATH']}:/usr/sbin"),
        "rsyslog is not installed: apt-get install rsyslog",
    )
    named = ""
    if scheme == "tls":
        drivers = list(Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so"))
        needs(next(iter(drivers), None), "rsyslog has no TLS: apt-get install rsyslog-openssl")
        certificate, key = pki.sign("rsyslog")
        files = {"CAFile": pki.certificate, "CertFile": certificate, "KeyFile": key}
        named = " ".join(f'DefaultNetstreamDriver{n}="{path}"' for n, path in files.items())
    port = free_port()
    flags = tls_flags(pki) if scheme == "tls" else []
    process = lake_site.start("-q", "--listen", f"{scheme}://127.0.0.1:{port}", *flags)
    connected(port).close()
    lake_site.file("in.log", b"".join(b"line %d of many\n" % n for n in range(MANY)))
    text = RSYSLOG.format(folder=lake_site.folder, port=port, options=options, globals=named)
    conf = lake_site.file("rsyslog.conf", text.encode())
    with daemon(rsyslogd, "-n", "-f", conf, "-i", lake_site.folder / "pid"):
        _check_all_came(lake_site)
    stop(process)


SYSLOG_NG = """@version: 3.35
options {{ log-fifo-size(10000); }};
source lines {{ file("{folder}/in.log" flags(no-parse)); }};
destination siemparse {{
  syslog("127.0.0.1" port({port}) transport("tls")
         tls(ca-file("{ca}") cert-file("{certificate}") key-file("{key}")
             peer-verify(required-trusted)));
}};
log {{ source(lines); destination(siemparse); flags(flow-control); }};
"""


def test_syslog_ng_sends(lake_site: Site, pki: Authority) -> None:
    # Debian has it installed only in the place of rsyslog; `make` unpacks it beside.
    unpacked = ROOT / ".syslog-ng" / "usr"
    program = unpacked / "sbin" / "syslog-ng"
    needs(program, "syslog-ng is not unpacked: make system-packages")
    port = free_port()
    process = lake_site.start("-q", "--listen", f"tls://127.0.0.1:{port}", *tls_flags(pki))
    connected(port).close()
    lake_site.file("in.log", b"".join(b"line %d of many\n" % n for n in range(MANY)))
    certificate, key = pki.sign("syslog-ng")
    text = SYSLOG_NG.format(
        folder=lake_site.folder, port=port, ca=pki.certificate, certificate=certificate, key=key
    )
    options = ["--foreground", "--no-caps", "-f", lake_site.file("syslog-ng.conf", text.encode())]
    for flag, name in (("-p", "pid"), ("-c", "control"), ("-R", "persist")):
        options += [flag, lake_site.folder / name]
    (modules,) = unpacked.glob("lib/syslog-ng/*/libaffile.so")
    options.append(f"--module-path={modules.parent}")
    # Some packages still have theirs in /lib.
    places = (unpacked / "lib", unpacked.parent / "lib")
    libraries = {file.parent for place in places for file in place.rglob("lib*.so*")}
    with daemon(program, *options, environment={"LD_LIBRARY_PATH": ":".join(map(str, libraries))}):
        _check_all_came(lake_site)
    stop(process)
