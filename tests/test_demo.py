"""The sample logs and the demo: what is hidden in the week is found, and only that."""

from __future__ import annotations

import gzip
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import intrusion
import network
import write_samples

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
OURS = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
BIN = Path(sys.executable).parent
HARMLESS = (network.MONITOR, intrusion.CRAWLER, network.desk("carol"), network.desk("bob"))


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def test_the_samples_are_what_the_script_writes() -> None:
    assert {p.name: text_of(p) for p in (SAMPLES / "logs").iterdir()} == write_samples.make_week()


def test_the_samples_are_small_and_name_nobody() -> None:
    texts = [text_of(path) for path in (SAMPLES / "logs").iterdir()]
    assert 15_000 <= sum(text.count("\n") for text in texts) <= 25_000
    assert sum(path.stat().st_size for path in (SAMPLES / "logs").iterdir()) <= 3_000_000
    networks = [ipaddress.ip_network(name) for name in OURS]
    for text in texts:
        found = set(re.findall(r"(?<![\w.:/])(?:\d+\.){3}\d+(?![\w.])|2001:[0-9a-f:]+", text))
        for name in found:
            address = ipaddress.ip_address(name)
            assert any(address in net for net in networks if net.version == address.version), name


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The demo in a folder of its own: where, and what it prints."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(SAMPLES, folder / "samples")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "COLUMNS": "120"}
    done = subprocess.run(
        [folder / "samples/demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def ask(demo: tuple[Path, str], *arguments: str) -> list[dict[str, object]]:
    """The answer to a question about the demo's lake, over all its time."""
    config = demo[0] / "samples/siemstress.conf"
    span = ("--range", "20260101000000-20270101000000")
    done = subprocess.run(
        [BIN / "siemquery", "-c", config, *span, "--format", "jsonl", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC"},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_line_becomes_an_event_and_all_are_read(demo: tuple[Path, str]) -> None:
    lines = {p.name: text_of(p).count("\n") for p in (SAMPLES / "logs").iterdir()}
    tables = {
        "auth": lines["auth.log"] + lines["auth.log.1.gz"],
        "access": lines["access.log"],
        "default": sum(lines[n] for n in ("syslog", "kern.log", "nas.log", "router.log")),
    }
    for section, expected in tables.items():
        events = ask(demo, "-s", section, "--count-by", "parsed")
        assert [list(event.values()) for event in events] == [[True, expected]]


def test_the_break_in_is_one_question_away(demo: tuple[Path, str]) -> None:
    (login,) = ask(demo, "-s", "auth", "--grep", "accepted password")
    assert login["source_host"] == intrusion.ATTACKER
    assert login["user_name"] == "backup"
    assert login["host"] == "web1"
    assert str(login["time"]).replace("T", " ").startswith("2026-10-14 04:11:37")


def test_the_alerts_name_the_attackers_and_nobody_else(demo: tuple[Path, str]) -> None:
    alerts = ask(demo, "-s", "userauth")
    text = json.dumps(alerts)
    assert intrusion.ATTACKER in text
    assert intrusion.WEB_SCANNER in text
    for address in HARMLESS:
        assert not re.search(rf"{re.escape(address)}(?!\d)", text), address
    strangers = re.findall(r"(?:198\.51\.100|203\.0\.113)\.(?:1\d\d|2[0-4]\d)", text)
    assert not strangers


def test_a_second_run_raises_no_alert_again(demo: tuple[Path, str]) -> None:
    before = ask(demo, "-s", "userauth")
    config = demo[0] / "samples/siemtrigger.conf"
    subprocess.run([BIN / "siemtrigger", "-c", config, "--oneshot"], check=True)
    assert ask(demo, "-s", "userauth") == before


def test_the_demo_shows_each_command_before_its_output(demo: tuple[Path, str]) -> None:
    shown = re.findall(r"^\$ (\w+)", demo[1], re.MULTILINE)
    assert shown[:4] == ["touch", "siemparse", "siemparse", "siemparse"]
    assert "siemtrigger" in shown
    assert "203.0.113.66" in demo[1]


def test_the_demo_fails_when_a_step_fails(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples")
    (tmp_path / "samples/logs/access.log").unlink()
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        [tmp_path / "samples/demo"], env=environment, capture_output=True, check=False
    )
    assert done.returncode != 0
