"""Write a large file of mixed syslog lines, the same ones for the same seed.

`python bench/generate.py LINES FILE`. Lines are made a column at a time with numpy and Polars.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

SEED = 1906
START = datetime(2026, 10, 12, tzinfo=UTC)
CHUNK = 250_000
RARE_WORD = "xylophone"
RARE_EVERY = 400_000  # one line in so many holds the rare word

HOSTS = "gate web1 web2 web3 mail1 mail2 db1 db2 app1 app2 build files ns1.example.net vpn".split()
USERS = "alice bob carol dave erin frank grace heidi ivan judy deploy backup www-data root".split()
GUESSES = "admin test oracle ubuntu guest ftp pi mysql postgres support git tomcat nagios".split()
UNITS = "apt-daily fstrim logrotate man-db motd-news phpsessionclean nginx docker certbot".split()
COMMANDS = [
    "/usr/bin/apt update",
    "/usr/bin/systemctl restart nginx.service",
    "/usr/bin/journalctl -u docker.service --since today",
    "/usr/bin/tail -n 200 /var/log/nginx/error.log",
]
JOBS = [
    "   cd / && run-parts --report /etc/cron.hourly",
    "command -v debian-sa1 > /dev/null && debian-sa1 1 1",
    "/usr/lib/php/sessionclean",
    "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
]
PATHS = "/ /login /api/v1/items /api/v1/items/42 /static/app.js /search /cart /healthz".split()

# Share of lines, process, and message; `{word}` names a column made by `_columns`.
KINDS: tuple[tuple[int, str, str], ...] = (
    (10, "sshd", "Failed password for invalid user {guess} from {address} port {port} ssh2"),
    (5, "sshd", "Failed password for {user} from {address} port {port} ssh2"),
    (5, "sshd", "Accepted publickey for {user} from {address} port {port} ssh2: RSA SHA256:{hex}"),
    (
        7,
        "sshd",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
        "rhost={address}  user={user}",
    ),
    (5, "sshd", "pam_unix(sshd:session): session opened for user {user}(uid={small}) by (uid=0)"),
    (4, "sshd", "Disconnected from authenticating user {user} {address} port {port} [preauth]"),
    (4, "sudo", "   {user} : TTY=pts/{small} ; PWD=/home/{user} ; USER=root ; COMMAND={command}"),
    (4, "sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid=1000)"),
    (8, "CRON", "({user}) CMD ({job})"),
    (4, "CRON", "pam_unix(cron:session): session closed for user {user}"),
    (6, "systemd", "{unit}.service: Deactivated successfully, consumed {port}ms CPU time."),
    (3, "systemd-logind", "New session {port} of user {user}."),
    (5, "postfix/smtpd", "connect from unknown[{address}]"),
    (
        7,
        "postfix/smtp",
        "{hex}: to=<{user}@example.org>, relay=mx.example.org[{address}]:25, delay=0.{small}, "
        "delays=0.02/0/0.1/0.3, dsn=2.0.0, status=sent (250 2.0.0 OK)",
    ),
    (
        13,
        "kernel",
        "[{port}.{small}] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:aa:bb:01:52:54:00:cc:dd:02:08:00 "
        "SRC={address} DST=192.0.2.{small} LEN=44 TOS=0x00 PREC=0x00 TTL=241 ID={port} PROTO=TCP "
        "SPT={port} DPT={small} WINDOW=1024 RES=0x00 SYN URGP=0",
    ),
    (5, "named", "client @0x{hex} {address}#{port} (www.example.com): query 'A/IN' denied"),
    (4, "dhcpd", "DHCPACK on 192.0.2.{small} to 52:54:00:12:34:{small} (pc-{user}) via eth1"),
    (
        5,
        "app",
        "level=info method=GET path={path} status=200 bytes={port} duration={small}ms user={user} "
        "client={address} request={hex}",
    ),
)


def write(path: Path, lines: int, seed: int = SEED) -> None:
    """Write a file of so many lines; its time is that of its last line."""
    rng = np.random.default_rng(seed)
    temporary = path.with_suffix(".part")
    second = int(START.timestamp())
    with temporary.open("wb") as file:
        for first in range(0, lines, CHUNK):
            count = min(CHUNK, lines - first)
            text, second = _chunk(rng, first, count, second)
            file.write(text)
    os.utime(temporary, (second, second))
    temporary.rename(path)


def _chunk(rng: np.random.Generator, first: int, count: int, second: int) -> tuple[bytes, int]:
    """So many lines as bytes, and the second of the last."""
    seconds = second + np.cumsum(rng.random(count) < 1 / 12)
    shares = np.array([share for share, _, _ in KINDS], dtype=float)
    kinds = rng.choice(len(KINDS), size=count, p=shares / shares.sum())
    stamps = pl.from_epoch(pl.Series(seconds), time_unit="s").dt.strftime("%b %e %H:%M:%S")
    parts = []
    for number, (_, process, message) in enumerate(KINDS):
        rows = np.flatnonzero(kinds == number)
        columns = _columns(rng, len(rows)).with_columns(row=pl.Series(rows), stamp=stamps[rows])
        tag = process if process in {"kernel", "sudo"} else process + "[{pid}]"
        line = _format("{stamp} {host} " + f"{tag}: {message}\n")
        parts.append(columns.select("row", line=line))
    lines = pl.concat(parts).sort("row")["line"].to_list()
    for row in range(-first % RARE_EVERY, count, RARE_EVERY):
        lines[row] = lines[row][:-1] + f" {RARE_WORD}\n"
    return "".join(lines).encode(), int(seconds[-1])


def _format(template: str) -> pl.Expr:
    """A template with named columns as one Polars expression."""
    names, pattern = [], ""
    for number, part in enumerate(template.replace("}", "{").split("{")):
        if number % 2:
            names.append(pl.col(part))
        pattern += "{}" if number % 2 else part
    # JOBS hold braces of their own; templates do not.
    return pl.format(pattern, *names)


def _columns(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """What templates are filled with."""

    def pick(words: list[str]) -> pl.Series:
        return pl.Series(np.array(words, dtype=object)[rng.integers(0, len(words), count)])

    # Few addresses make most of the noise.
    noisy = 65536 * rng.random(count) ** 4
    address = pl.DataFrame({"n": noisy.astype(np.int64)}).select(
        pl.format("198.18.{}.{}", pl.col("n") // 256, pl.col("n") % 256)
    )
    return pl.DataFrame(
        {
            "host": pick(HOSTS),
            "user": pick(USERS),
            "guess": pick(GUESSES),
            "unit": pick(UNITS),
            "command": pick(COMMANDS),
            "job": pick(JOBS),
            "path": pick(PATHS),
            "pid": rng.integers(300, 32768, count),
            "port": rng.integers(1024, 65536, count),
            "small": rng.integers(10, 100, count),
            "hex": pl.Series(rng.bytes(count * 6).hex(" ", -6).split(" ")[:count]),
            "address": address.to_series(),
        }
    )


if __name__ == "__main__":
    write(Path(sys.argv[2]), int(sys.argv[1]))
