"""Retention as users have it: `siemmanage expire`, and `keep=` that is left alone."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rules import window_rule
from running import Site
from siemstress.config import Section, Server
from siemstress.rules.keeping import kept
from siemstress.rules.tables import ALERT_LOG, MATCHES, NOTIFIED
from siemstress.store.base import Advance, Store
from siemstress.store.mariadb.database import MariaDB
from siemstress.store.retention import CONSUMER, EVERY, Kept, Retention
from stores import STORES, events, ids, put

BIN = Path(sys.executable).parent
SECTIONS = """
[default]
table=Entries
[auth]
table=Auth
keep=90d
[userauth]
table=UserAuth
keep=30d
"""


def ago(days: float) -> datetime:
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    site = Site.on(request.param, tmp_path)
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().partition("[default]")[0] + SECTIONS)
    return site


@pytest.fixture
def store(site: Site) -> Iterator[Store]:
    with closing(site.store) as store:
        yield store


def fill(store: Store, table: str, *days: float) -> None:
    times = [ago(d) for d in days]
    put(store, table, events(len(days), time=times, received=times))


def siem(site: Site, command: str, *arguments: str, status: int = 0, data: str = "") -> str:
    """What a command says, both outputs in one."""
    done = subprocess.run(
        [BIN / command, "-c", site.folder / "s.conf", *arguments],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=site.folder,
    )
    assert done.returncode == status, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def test_expire_goes_by_the_config(site: Site, store: Store) -> None:
    for table in ("Entries", "Auth", "UserAuth"):
        fill(store, table, 100, 91, 89, 31, 29, 0)
    shown = siem(site, "siemmanage", "expire", "--dry-run").splitlines()
    assert [line.partition(" older")[0] for line in shown] == [
        "Auth: 2 events",
        "UserAuth: 4 events",
    ]
    assert len(ids(store, "Auth")) == 6
    shown = siem(site, "siemmanage", "expire").splitlines()
    assert shown[0].startswith("Auth: deleted 2 events older than 90 days, from before 20")
    assert shown[1].startswith("UserAuth: deleted 4 events older than 30 days, from before 20")
    assert [len(ids(store, t)) for t in ("Entries", "Auth", "UserAuth")] == [6, 4, 2]
    assert "Auth: deleted 0 events" in siem(site, "siemmanage", "expire", "-s", "auth")
    assert "deleted 3 events older than 36 hours" in siem(
        site, "siemmanage", "expire", "-s", "auth", "--keep", "36h"
    )


def test_mistakes_of_expire(site: Site) -> None:
    def mistake(*arguments: str) -> str:
        text = siem(site, "siemmanage", "expire", *arguments, status=2)
        assert text.count("\n") == 1
        return text

    assert "s.conf [default] keep: is not there: say keep=90d" in mistake("-s", "default")
    assert "must be a span of time, as 36h, 90d" in mistake("-s", "auth", "--keep", "90")
    assert "--keep is for one section" in mistake("--keep", "1d")
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().replace("keep=90d", "").replace("keep=30d", ""))
    assert "no section says how long events are kept: keep=90d" in mistake()
    conf.write_text(conf.read_text().replace("table=Auth", "table=Auth\nkeep=ever"))
    assert "s.conf [auth] keep: must be a span of time" in mistake()


def test_siemparse_does_it_once_an_hour(site: Site, store: Store) -> None:
    fill(store, "Auth", 100, 91, 89)
    line = f"{ago(0):%Y-%m-%dT%H:%M:%S}+00:00 web1 sshd[1]: hello\n"
    said = siem(site, "siemparse", "-s", "auth", data=line)
    assert "siemparse: Auth: deleted 2 events older than 90 days\n" in said
    assert len(ids(store, "Auth")) == 2
    old = events(1, first=50, time=ago(95))
    put(store, "Auth", old)
    assert "deleted" not in siem(site, "siemparse", "-s", "auth", data=line)
    assert len(ids(store, "Auth")) == 4
    assert "retention" not in siem(site, "siemmanage", "status")
    last = store.position("Auth", CONSUMER)
    assert last is not None
    assert 0 <= time.time() - last < 300
    store.commit("Auth", [], [Advance(CONSUMER, last, last - EVERY)])
    assert siem(site, "siemparse", "-q", "-s", "auth", data=line) == ""
    assert len(ids(store, "Auth")) == 4


def test_what_is_kept_for_ever_is_left_alone(site: Site, store: Store) -> None:
    fill(store, "Entries", 10_000)
    siem(site, "siemparse", data="x\n")
    assert len(ids(store, "Entries")) == 2
    assert store.position("Entries", CONSUMER) is None


def test_siemtrigger_deletes_old_alerts(site: Site, store: Store) -> None:
    fill(store, "Auth", 100)
    fill(store, "UserAuth", 31, 29)
    (site.folder / "rules").mkdir()
    (site.folder / "rules/a.conf").write_text("[r]\nsection=auth\ngrep=nothing\n")
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().replace("[siemstress]", "[siemstress]\nconfdir=rules"))
    said = siem(site, "siemtrigger", "--oneshot")
    assert "siemtrigger: UserAuth: deleted 1 event older than 30 days" in said
    assert len(ids(store, "Auth")) == 1


def test_what_rules_know_is_kept_as_long_as_what_it_is_about() -> None:
    def days(number: int) -> timedelta:
        return timedelta(days=number)

    rule = window_rule(tables=("Auth", "Entries"))
    alerts = Section("userauth", "UserAuth", keep=days(90), keep_size=10**9)
    logs = [Section("auth", "Auth", keep=days(30)), Section("default", "Entries", keep=days(60))]
    assert kept([*logs, alerts], [rule]) == {
        "UserAuth": Kept(days(90), 10**9),
        MATCHES: Kept(days(60)),
        ALERT_LOG: Kept(days(90)),
        NOTIFIED: Kept(days(90)),
    }
    # The log of which one line may still be asked for is kept for ever.
    assert kept([logs[0], Section("default", "Entries"), alerts], [rule]).keys() == {
        "UserAuth", ALERT_LOG, NOTIFIED,
    }  # fmt: skip
    assert kept([*logs, Section("userauth", "UserAuth")], [rule]) == {MATCHES: Kept(days(60))}


def retention(store: Store, said: list[str]) -> Retention:
    return Retention(store, {"Auth": Kept(timedelta(days=1))}, said.append, said.append)


def test_a_failure_stops_nobody(tmp_path: Path) -> None:
    away = MariaDB(Server("localhost", "x", "", "x", socket=tmp_path / "none"))
    said: list[str] = []
    with closing(away), retention(away, said).beside():
        pass
    assert said == [
        "Auth: old events are not deleted: "
        f"MariaDB at {tmp_path}/none: cannot connect: No such file or directory"
    ]


def test_it_goes_on_beside_a_source_that_does_not_end(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("siemstress.store.retention.EVERY", 0.01)
    said: list[str] = []

    def old(first: int) -> None:
        put(store, "Auth", events(5, first=first, time=ago(2)))

    with retention(store, said).beside():
        for first in (0, 10):
            old(first)
            deadline = time.monotonic() + 20
            while ids(store, "Auth") and time.monotonic() < deadline:
                time.sleep(0.01)
            assert ids(store, "Auth") == []
    assert said[0] == "Auth: deleted 5 events older than 1 day"


def test_what_fails_is_not_held_up_by_it(store: Store) -> None:
    fill(store, "Auth", 2)
    said: list[str] = []
    with pytest.raises(KeyError), retention(store, said).beside():
        raise KeyError
    assert said == []
    assert len(ids(store, "Auth")) == 1
    for thread in threading.enumerate():
        if thread.name == "retention":
            thread.join(10)
            assert not thread.is_alive()


def test_a_clock_that_went_back_holds_nothing_up(store: Store) -> None:
    fill(store, "Auth", 2)
    store.commit("Auth", [], [Advance(CONSUMER, None, int(time.time()) + 10 * EVERY)])
    said: list[str] = []
    retention(store, said).look()
    assert said == ["Auth: deleted 1 event older than 1 day"]


def test_within_the_hour_nobody_asks_the_store_again(store: Store) -> None:
    fill(store, "Auth", 2)
    said: list[str] = []
    mine = retention(store, said)
    mine.look()
    put(store, "Auth", events(1, first=50, time=ago(2)))
    last = store.position("Auth", CONSUMER)
    assert last is not None
    store.commit("Auth", [], [Advance(CONSUMER, last, last - EVERY)])
    mine.look()
    assert ids(store, "Auth") == [50]
    retention(store, said).look()
    assert ids(store, "Auth") == []
    assert len(said) == 2


# --- by size


def test_a_table_is_kept_to_its_size(site: Site, store: Store) -> None:
    conf = site.folder / "s.conf"
    conf.write_text(conf.read_text().replace("keep=90d", "keep_size = 1.5 MB"))
    number = pl.int_range(40_000, eager=True)
    parts = [number.hash(seed).cast(pl.String) for seed in range(6)]
    text = pl.select(pl.concat_str(parts)).to_series()
    for n in range(2):
        frame = events(
            20_000, first=20_000 * n, time=[ago(9 - 4 * n - i / 9000) for i in range(20_000)]
        )
        some = text.slice(20_000 * n, 20_000)
        put(store, "Auth", frame.with_columns(message=some))
    shown = siem(site, "siemmanage", "expire", "-s", "auth", "--dry-run")
    assert re.fullmatch(r"Auth: [\d,]+ events from before \d{4}-.* UTC, for 1.5 MB\n", shown)
    assert len(ids(store, "Auth")) == 40_000
    line = f"{ago(0):%Y-%m-%dT%H:%M:%S}+00:00 web1 sshd[1]: hello\n"
    said = siem(site, "siemparse", "-s", "auth", data=line)
    assert re.search(r"Auth: deleted [\d,]+ events from before \d{4}-.* UTC, for 1.5 MB\n", said)
    left = ids(store, "Auth")
    assert left[0] > 0
    assert left[:-1] == list(range(left[0], 40_000))
    shown = siem(site, "siemmanage", "expire", "-s", "auth", "--keep-size", "2TiB")
    assert shown == "Auth: deleted 0 events, for 2 TiB\n"
    assert "bytes of a row" not in siem(site, "siemmanage", "status")


@pytest.mark.parametrize("site", ["lake"], indirect=True)
def test_mistakes_of_sizes(site: Site) -> None:
    conf = site.folder / "s.conf"
    good = conf.read_text()
    for wrong in ("50", "50 GBit", "-1GB", "0GB", "1e9GB", "9KB", "all"):
        conf.write_text(good.replace("keep=90d", f"keep_size={wrong}"))
        said = siem(site, "siemmanage", "status", status=2)
        assert "s.conf [auth] keep_size: must be a size of 1 MB or more, as 500MB, 50GB" in said
        assert said.count("\n") == 1
    conf.write_text(good + "keep_size=1GB\n[other]\ntable=userauth\nkeep=30d\nkeep_size=2GB\n")
    assert "[other] keep_size: must be as in [userauth]" in siem(
        site, "siemmanage", "status", status=2
    )
    conf.write_text(good)
    assert "must be a size" in siem(site, "siemmanage", "expire", "--keep-size", "1", status=2)
    assert "--keep-size is for one section" in siem(
        site, "siemmanage", "expire", "--keep-size", "1GB", status=2
    )
