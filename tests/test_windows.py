"""Windows events: what their numbers mean, .evtx files, exports."""

from __future__ import annotations

import polars as pl

from siemstress.fields.actions import ACTIONS
from siemstress.formats.windows import EVENTS, USERS, told


def test_the_table_uses_the_vocabulary() -> None:
    assert {t.action for t in EVENTS.values()} <= {*ACTIONS}
    assert {t.outcome for t in EVENTS.values()} <= {"", "-", "success", "failure"}
    assert {t.user for t in EVENTS.values()} <= {*USERS}


def test_what_an_event_tells_depends_on_its_provider() -> None:
    found = told(
        pl.Series(["Microsoft-Windows-Sysmon", "Linux-Sysmon", "Another", None]),
        pl.Series(["1", "3", "1", "4625"]),
    )
    assert found["action"].to_list() == ["process_start", "connect", None, None]
