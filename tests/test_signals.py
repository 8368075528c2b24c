"""Signals that arrive where Python ignores exceptions still end a command."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNLUCKY = """
import signal, sys, time
from siemstress.commands.command import run

class Unlucky:
    def __del__(self):
        signal.raise_signal({number})

def main(arguments):
    Unlucky()
    time.sleep(20)
    return 0

sys.exit(run("siemparse", main, []))
"""


@pytest.mark.parametrize(("number", "status"), [("signal.SIGTERM", 143), ("signal.SIGINT", 130)])
def test_a_signal_inside_a_finalizer_is_not_lost(number: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNLUCKY.format(number=number)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (status, "")


def test_other_exceptions_in_finalizers_are_told() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNLUCKY.format(number="'no number'").replace("20", "0")],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "TypeError" in done.stderr
