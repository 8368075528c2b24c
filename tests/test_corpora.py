"""Real logs of other projects, where they lie beside this one: none lost, and how much is right.

`python tests/scores.py` prints all scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from corpora import CORPORA
from corpora_more import SETS
from parsing import parsed, written_again
from scores import tally

FILES = sorted(p for folder in ("raw", "torture") for p in (CORPORA / folder).glob("*"))

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name[:40])
def test_every_line_comes_back(path: Path) -> None:
    data = path.read_bytes()
    wanted = data.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    if wanted:
        assert written_again(parsed(data)) == wanted


# Shares that were reached; raise them with what is reached.
FLOORS: Mapping[str, Mapping[str, float]] = {
    "fail2ban": {"T": 0.98, "S": 0.92, "N": 0.75},
    "crowdsec_parse": {"host": 0.98, "pid": 0.88, "process": 0.76, "time": 0.94},
    "loghub": {
        **{f"Linux {name}": 0.999 for name in ("host", "process", "pid", "message", "time")},
        **{f"OpenSSH {name}": 1.0 for name in ("host", "process", "pid", "message", "time")},
        **{
            f"{name} {part}": 0.999
            for name in (
                "Apache",
                "HDFS",
                "Hadoop",
                "HealthApp",
                "Proxifier",
                "Spark",
                "Windows",
                "Zookeeper",
            )
            for part in ("time", "message")
        },
    },
    "wazuh": {"lines": 1.0},
    "go_syslog": {
        "valid": 1.0,
        "invalid": 0.98,
        "pri": 1.0,
        "host": 1.0,
        "process": 1.0,
        # Of an access log's line within syslog the message is what stands behind its own stamp.
        "message": 0.87,
    },
    "jc_vrl": {"vrl parse_linux_authorization": 1.0},
    "zeek": {"lines": 1.0},
}


@pytest.mark.parametrize("name", FLOORS)
def test_scores(name: str) -> None:
    shares = {score: right / count for score, (right, count) in tally(SETS[name]()).items()}
    low = {s: shares[s] for s, floor in FLOORS[name].items() if shares[s] < floor}
    assert not low, name
