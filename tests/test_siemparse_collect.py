"""siemparse --collect: all sources of a config in one process; the units that run it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from collecting import append, connected, free_port, lake_site, site, stop, until
from running import Site, split, store_keys, syslog
from siemstress.ingest.upkeep import Upkeep

__all__ = ["lake_site", "site"]
ROOT = Path(__file__).resolve().parent.parent
CONFIG = """
[siemstress]
{store}
flush=1.5
[default]
table=Entries
follow=
  logs/*.log
  other.txt
listen=tcp://127.0.0.1:{tcp}
[auth]
table=Auth
parser=syslogbsd
listen=udp://127.0.0.1:{udp}, unix://{folder}/log
zone=+0500
[odd]
table=Odd
"""


def configure(site: Site, text: str) -> tuple[int, int]:
    tcp, udp = free_port(), free_port(socket.SOCK_DGRAM)
    store = store_keys(site.server)
    site.file("s.conf", text.format(store=store, tcp=tcp, udp=udp, folder=site.folder).encode())
    return tcp, udp


def test_all_sections_in_one_process(site: Site) -> None:
    tcp, udp = configure(site, CONFIG)
    (site.folder / "logs").mkdir()
    site.file("logs/a.log", syslog(3))
    process = site.start("--collect")
    until(lambda: site.count() == 3)
    site.file("other.txt", b"a text\n")
    with connected(tcp) as sender:
        sender.sendall(b"by TCP\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<38>Aug 23 06:15:38 h p: by UDP", ("127.0.0.1", udp))
    until(lambda: site.count() == 5 and site.count("Auth") == 1)
    append(site.folder / "logs/a.log", syslog(1, 3))
    until(lambda: site.count() == 6)
    said = stop(process).splitlines()
    assert [line.partition(" (")[0] for line in said] == [
        "siemparse: stored 6 lines in Entries", "siemparse: stored 1 lines in Auth",
    ]  # fmt: skip
    assert sorted(site.lines()) == sorted([*split(syslog(4)), b"a text", b"by TCP"])
    (event,) = site.events("Auth")
    assert (str(event["time"])[5:], event["zone"]) == ("08-23 01:15:38", "+05:00")
    assert "Odd" not in site.store.tables()


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("flush=never", "[siemstress] flush: must be seconds, from 0.2 to 3600"),
        ("flush=0.1", "[siemstress] flush: must be seconds"),
        ("[a]\ntable=A\njournal=maybe", "[a] journal: must be yes or no"),
        ("[a]\ntable=A\nfollow=x\nzone=Mars", "[a] zone: no such time zone: 'Mars'"),
        ("[a]\ntable=A\nidle=0", "[a] idle: must be a whole number from 1 to 10000000"),
        ("[a]\ntable=A\nlisten=x", "cannot listen on 'x'"),
        ("[a]\ntable=A\nlisten=tls://:6514", "listening with TLS wants a certificate"),
        ("[a]\ntable=A", "no section names a source (follow, listen, journal)"),
    ],
)
def test_mistakes_in_the_config_are_one_line(lake_site: Site, key: str, wanted: str) -> None:
    configure(lake_site, f"[siemstress]\n{{store}}\n{key}\n")
    said = lake_site.run("--collect", status=2)
    assert len(said) == 1
    assert wanted in said[0]


def test_the_config_is_all_that_collect_takes(lake_site: Site) -> None:
    said = lake_site.run("--collect", "--follow", "a.log", status=2)
    assert said == [
        "siemparse: --collect takes its sources from the config file alone; see siemparse --help"
    ]


def test_small_files_are_merged_meanwhile(lake_site: Site) -> None:
    for n in range(8):
        lake_site.run("-q", data=syslog(3, 3 * n))
    said: list[str] = []
    stored = 0
    config = lake_site.folder / "s.conf"
    upkeep = Upkeep(config, ["default"], lambda: stored, said.append, every=0.0)
    for _ in range(3):
        upkeep.look()
        assert len(said) == 0
    assert _files(lake_site) == 8  # Nothing has been stored since.
    stored = 24
    _look_until(upkeep, lambda: _files(lake_site) == 1)
    upkeep.close()
    assert sorted(lake_site.lines()) == sorted(split(syslog(24)))
    config.unlink()
    stored = 25
    _look_until(upkeep, lambda: bool(said))
    upkeep.close()
    assert "small files are not merged: siemmanage: " in said[0]


def _look_until(upkeep: Upkeep, condition: Callable[[], bool]) -> None:
    def looked() -> bool:
        upkeep.look()
        return condition()

    until(looked)


def _files(site: Site) -> int:
    status = site.store.status("Entries")
    return status.files if status else 0


@pytest.mark.parametrize("unit", sorted((ROOT / "packaging").glob("*.service")), ids=str)
def test_units_are_right_and_run_what_there_is(unit: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        assert not os.environ.get("CI")
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)
    # The manual page may not be installed where the tests run.
    said = [line for line in done.stderr.splitlines() if unit.name in line and "man" not in line]
    assert said == []
    command = unit.read_text().partition("ExecStart=/usr/bin/env ")[2].splitlines()[0].split()
    known = subprocess.run(
        [Path(sys.executable).parent / command[0], "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for flag in command[1:]:
        assert flag in known.stdout


def test_the_container_runs_what_there_is() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert 'CMD ["siemparse", "--collect"]' in text
    assert "USER siemstress" in text
