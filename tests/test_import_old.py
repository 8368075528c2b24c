"""siemmanage import-old: what the original stored comes into any store, every row once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest

import mariadb_server
import old_tables as old
from siemstress.commands.siemmanage import main
from siemstress.config import load
from siemstress.store.base import Scan, Store
from siemstress.store.opening import open_store
from stores import STORES, ask, python

# No name of a table would need so many tricks.
ODD = "od`d %s;--é"


@dataclass
class Site:
    """A folder with a config, the store that it names, and a database of the original's."""

    folder: Path
    kind: str

    def __post_init__(self) -> None:
        ours = mariadb_server.shared(self.folder)
        self.socket = ours.socket
        self.store_database = ours.database
        self.database = ours.database + "_old"
        self.sql(f"CREATE DATABASE {self.database} DEFAULT CHARACTER SET utf8", database=None)
        lake = "lake=lake"
        server = f"socket={self.socket}\nuser=root\ndatabase={self.store_database}"
        place = {"lake": lake, "mariadb": server}[self.kind]
        text = f"[siemstress]\n{place}\n[auth]\ntable=Auth\n[siem]\ntable=SIEMDefault\n"
        self.config = self.folder / "s.conf"
        self.config.write_text(text)

    def sql(self, *statements: str, database: str | None = "") -> list[tuple[Any, ...]]:
        """Run statements as root in the old database; the rows of the last one."""
        name = self.database if database == "" else database
        connection = pymysql.connect(
            unix_socket=str(self.socket), user="root", database=name, autocommit=True,
            charset="utf8mb4", init_command="SET sql_mode = '', time_zone = @@global.time_zone",
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    @property
    def url(self) -> str:
        return f"mariadb://root@localhost/{self.database}?socket={self.socket}"

    def run(self, *arguments: str, url: str | None = None) -> int:
        """siemmanage import-old; its exit status."""
        return main(["-c", str(self.config), "import-old", url or self.url, *arguments])

    @property
    def store(self) -> Store:
        return open_store(load(self.config))

    def rows(self, table: str = "Auth") -> list[dict[str, Any]]:
        """The events of a table, in the order of their ids, without what is null."""
        found = ask(self.store, "SELECT * FROM t ORDER BY id", t=Scan(table))
        return [
            {k: dict(v) if k == "fields" else v for k, v in row.items() if v is not None}
            for row in found
        ]


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """Each store, and an empty database of the original's."""
    return Site(tmp_path, request.param)


@pytest.fixture
def lake(tmp_path: Path) -> Site:
    """The lake, and an empty database of the original's."""
    return Site(tmp_path, "lake")


def made(site: Site, name: str, columns: str, rows: Sequence[Mapping[str, object]]) -> None:
    """A table of the original's with some rows."""
    site.sql(old.created(name, columns), *old.inserted(name, rows))


RULE = {
    "sql": "SELECT Id FROM Auth WHERE DateStamp >= timestamp(date_sub(now(), interval 10 minute))"
    " AND Message LIKE '%fail%'",
}


def test_the_first_releases(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    event = {
        "DateStamp": "2017-08-23 06:15:38", "TZone": "+0500", "RawStamp": "Aug 23 06:15:38",
        "Facility": "auth", "Severity": "5", "SourceHost": "host1", "Process": "sshd", "PID": 1234,
        "Message": "Failed password", "ParsedOn": "siem", "SourcePath": "/var/log/auth.log",
    }  # fmt: skip
    alert = {
        "DateStamp": "2017-08-23 06:20:00", "TZone": "+0000", "SourceRule": "pam", "Severity": 4,
        "SourceTable": "Auth", "EventLimit": 7, "EventCount": 9, "TimeInt": 10,
        "Message": "Over 7", "SourceIDs": [1, 2],
    }  # fmt: skip
    rule = {
        "RuleName": "pam", "IsEnabled": 1, "Severity": 4, "TimeInt": 10, "EventLimit": 7,
        "SQLQuery": RULE["sql"], "SourceTable": "Auth", "OutTable": "SIEMDefault", "Message": "m",
    }  # fmt: skip
    flow = {
        **dict.fromkeys(("DateStamp", "TZone")), "SourceHost": "10.0.0.5", "SourcePort": "51234",
        "DestHost": "10.0.0.1", "DestPort": "https", "Protocol": "IP", "Message": "Flags [S]",
    }  # fmt: skip
    made(site, "Auth", old.EARLY_EVENTS, [event])
    made(site, "TCPDump", old.EARLY_EVENTS, [{**flow, "DateStamp": "2017-08-23 06:15:38"}])
    made(site, "SIEMDefault", old.EARLY_ALERTS, [alert])
    made(site, "RULESAuth", old.EARLY_RULES, [rule])
    assert site.run() == 0
    said = capsys.readouterr().err
    assert "Auth: all 1 rows are in Auth, 1 of them new" in said
    assert "added rule pam" in said
    (found,) = site.rows()
    assert found.pop("id") > 0
    assert found.pop("received") > datetime(2026, 1, 1)
    assert found == {
        "time": datetime(2017, 8, 23, 1, 15, 38), "zone": "+05:00", "host": "host1",
        "process": "sshd", "pid": 1234, "facility": "auth", "severity": 5,
        "message": "Failed password", "parsed_on": "siem", "source_path": "/var/log/auth.log",
        "format": "old", "parsed": True,
        "fields": {"old_id": "1", "raw_stamp": "Aug 23 06:15:38"},
    }  # fmt: skip
    (found,) = site.rows("TCPDump")
    ends = ("source_host", "source_port", "dest_host", "dest_port", "protocol", "host")
    assert [found.get(c) for c in ends] == ["10.0.0.5", 51234, "10.0.0.1", None, "ip", None]
    assert found["fields"] == {"old_id": "1", "dest_port": "https"}
    # An offset that nobody stored is that of the server.
    assert found["time"] == datetime(2017, 8, 23, 6, 15, 38) - server_offset()
    (found,) = site.rows("SIEMDefault")
    assert found["time"] == datetime(2017, 8, 23, 6, 20)
    told = ("source_rule", "severity", "source_table", "event_limit", "event_count")
    assert [found[c] for c in told] == ["pam", 4, "Auth", 7, 9]
    assert (found["event_interval"], found["alert_id"]) == (10, "old-SIEMDefault-1")
    assert found["fields"] == {"old_id": "1", "old_source_ids": "[1, 2]"}
    rules = json.loads(site.store.load_text("rules") or "")
    assert [r["name"] for r in rules["RULESAuth"]] == ["pam"]


def server_offset() -> Any:
    """How far the zone of this machine, and so of its server, was from UTC then."""
    moment = datetime(2017, 8, 23, 6, 15, 38).astimezone()
    return moment.utcoffset()


def test_the_middle_releases(site: Site) -> None:
    event = {
        "date_stamp": "2017-11-05 07:00:00.25", "f_date_stamp": "20171105070000.3",
        "date_stamp_utc": "2017-11-05 12:00:00.25", "t_zone": "+0500",
        "raw_stamp": "Nov  5 07:00:00", "severity": "crit", "facility": "10",
        "source_host": "host1", "source_process": "sshd", "source_pid": 7, "message": "m",
        "extended": {"users": ["bob", "al", "bob"], "ip4s": ["10.0.0.1"], "none": [], "old_id": 4},
    }  # fmt: skip
    made(site, "auth", old.MIDDLE_EVENTS, [event])
    made(site, "helpers_auth", old.HELPERS, [{"var_name": "users", "reg_exp": "user (\\S+)"}])
    assert site.run() == 0
    (found,) = site.rows()  # The section spells the table so.
    # The time in UTC is the truth, the offset that was stored had the wrong sign.
    assert found["time"] == datetime(2017, 11, 5, 12, 0, 0, 250_000)
    assert (found["zone"], found["severity"], found["facility"]) == ("-05:00", 2, "authpriv")
    assert found["fields"] == {
        "old_id": "1",
        "raw_stamp": "Nov  5 07:00:00",
        "users": '["bob", "al"]',
        "ip4s": "10.0.0.1",
        "extended_old_id": "4",
    }
    helpers = json.loads(site.store.load_text("helpers") or "")
    assert [h["reg_exp"] for h in helpers["helpers_auth"]] == ["user (\\S+)"]


def test_release_0_8(site: Site) -> None:
    site.sql(old.created("auth", old.LATE_EVENTS), old.late_rows("auth", 3))
    bent = "Nov  5 07:00:09 host1 sshd[9]: something else"
    site.sql(f"UPDATE auth SET raw_text = '{bent}' WHERE id = 3")  # noqa: S608
    alert = {
        "date_stamp": "2017-11-05 07:00:00", "date_stamp_utc": "2017-11-05 12:00:00",
        "t_zone": "-0500", "source_rule": "pam", "magnitude": 3, "event_count": 9, "time_int": 5,
    }  # fmt: skip
    made(site, "siem_auth", old.LATE_ALERTS, [alert])
    assert site.run("--table", "auth=Night", "--table", "siem_auth") == 0
    first, _, third = site.rows("Night")
    assert (first["time"], first["zone"]) == (datetime(2017, 11, 5, 12, 0, 1), "-05:00")
    assert first["message"] == "Failed password for root from 203.0.113.1 port 1 ssh2"
    assert first["fields"] == {"old_id": "1", "users": "root"}
    # The line is what syslog's layout gives; the bent one is not.
    assert (first["format"], first.get("raw")) == ("syslogbsd", None)
    assert (third["format"], third["raw"]) == ("old", bent)
    (found,) = site.rows("siem_auth")
    assert (found["magnitude"], found["event_interval"]) == (3, 5)
    assert "Auth" not in site.store.tables()


def test_a_second_run_brings_in_what_is_new(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 500))
    assert site.run() == 0
    site.sql(old.late_rows("Auth", 100, first=1000))
    # Renamed meanwhile, it is the same table.
    site.sql("RENAME TABLE Auth TO Auth_old")
    capsys.readouterr()
    assert site.run() == 0
    assert "Auth_old: all 600 rows are in Auth, 100 of them new" in capsys.readouterr().err
    numbers = [int(row["fields"]["old_id"]) for row in site.rows()]
    assert numbers == [*range(1, 501), *range(1000, 1100)]
    site.sql("DELETE FROM Auth_old WHERE id = 17")
    assert site.run() == 1
    assert "Auth_old: the counts differ: 599 rows are there, 600" in capsys.readouterr().err


def test_rows_full_of_tricks(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    columns = (
        "(`Id` BIGINT UNIQUE, DateStamp VARCHAR(50), TZone VARCHAR(50), Severity TEXT,"
        " Facility TEXT, PID TEXT, SourceHost TEXT, SourcePort TEXT, Message LONGTEXT,"
        " RawText BLOB, Extended TEXT, `we``ird %s col` TEXT, `bits` BIT(8), `place` POINT,"
        " `old_id` TEXT)"
    )
    nasty = "\x00\x1b[31m \r\n'\"\\ \ufffd ü %s {x}"
    rows = [
        {"Id": 1, "Message": nasty, "Severity": "9", "PID": "-", "Facility": "99"},
        {"Id": 2, "DateStamp": "0000-00-00 00:00:00", "TZone": "+99:99", "Message": ""},
        {"Id": 3, "DateStamp": "2017-02-31 25:00:00", "TZone": "-0330", "PID": "4294967296"},
        {"Id": 4, "DateStamp": "2017-02-01 10:00:00", "TZone": "-0330", "Extended": "{nonsense"},
        {"Id": 5, "Extended": {"a": [1, None, {"b": 2}], "": ["x"]}, "we`ird %s col": nasty},
        {"Id": 6, "Extended": "[" * 900, "SourcePort": " 22 ", "SourceHost": "h", "old_id": "x"},
        {"Id": 7, "Message": "x" * 1_000_000, "TZone": "😀"},
    ]
    site.sql(old.created(ODD, columns), *old.inserted(ODD, rows))
    strange = "SET RawText = x'ff00fe41', bits = b'11111111' WHERE Id = 1"
    site.sql(f"UPDATE {old.quoted(ODD)} {strange}")
    before = datetime(2026, 1, 1)
    assert site.run() == 0, capsys.readouterr().err
    found = site.rows("od_d__s____")
    assert [row["fields"]["old_id"] for row in found] == [str(n) for n in range(1, 8)]
    assert found[0]["message"] == nasty
    assert found[0]["fields"]["severity"] == "9"
    assert found[0]["fields"]["pid"] == "-"
    assert found[0]["fields"]["facility"] == "99"
    assert found[0]["fields"]["bits"] == "255"
    assert found[0]["raw"].endswith("A")
    for n in (0, 1, 2, 4, 5, 6):
        assert found[n]["time"] == found[n]["received"] > before
        assert "zone" not in found[n]
    assert found[1]["fields"]["date_stamp"] == "0000-00-00 00:00:00"
    assert found[2]["fields"]["pid"] == "4294967296"
    assert (found[3]["time"], found[3]["zone"]) == (datetime(2017, 2, 1, 13, 30), "-03:30")
    assert found[3]["fields"]["extended"] == "{nonsense"
    assert found[4]["fields"]["a"] == '["1", "{\\"b\\": 2}"]'
    assert found[4]["fields"]["we`ird %s col"] == nasty
    assert found[5]["fields"]["extended"] == "[" * 900
    assert (found[5]["source_port"], found[5]["source_host"]) == (22, "h")
    assert len(found[6]["message"]) == 1_000_000


def test_a_dry_run_only_shows(lake: Site, capsys: pytest.CaptureFixture[str]) -> None:
    lake.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 20))
    lake.sql(old.created("NoKey", old.LATE_EVENTS.replace("PRIMARY KEY AUTO_INCREMENT", "")))
    lake.sql("CREATE TABLE Other (id INT PRIMARY KEY, message TEXT)")
    made(lake, "helpers", old.HELPERS, [{"var_name": "u", "reg_exp": "x"}])
    assert lake.run("--dry-run") == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert shown[1] == ["Auth", "events", "20", "0", "Auth"]
    assert shown[2][:2] == ["NoKey", "events"]
    assert shown[3][:3] == ["helpers", "helpers", "1"]
    assert len(shown) == 4
    assert not (lake.folder / "lake").exists()
    assert lake.run() == 1
    said = capsys.readouterr().err
    assert "NoKey: cannot be imported" in said
    assert "Auth: all 20 rows" in said


def test_old_tables_make_room_in_the_same_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path, "mariadb")
    site.database = site.store_database
    site.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 20))
    site.sql(old.created("auth_2", old.LATE_EVENTS), old.late_rows("auth_2", 5))
    site.sql(old.created("Auth_old", old.LATE_EVENTS), old.late_rows("Auth_old", 3, first=90))
    here = ["-c", str(site.config), "import-old"]
    assert main([*here, "--dry-run"]) == 0
    assert "needs --rename" in capsys.readouterr().out
    assert main(here) == 2
    assert "--rename, which renames Auth to Auth_old2, auth_2 to" in capsys.readouterr().err
    assert main([*here, "--rename"]) == 0
    said = capsys.readouterr().err
    assert "renamed Auth to Auth_old2" in said
    assert "Auth_old2: all 20 rows are in Auth" in said
    assert main(here) == 0  # The store's own tables are none of the original's.
    assert len(site.rows()) == 23


def test_reading_takes_no_more_than_select(lake: Site) -> None:
    lake.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 20))
    user = "u" + hashlib.sha1(lake.database.encode(), usedforsecurity=False).hexdigest()[:12]
    lake.sql(
        f"CREATE USER {user}@localhost IDENTIFIED BY 'p@ss:w/rd'",
        f"GRANT SELECT ON {lake.database}.* TO {user}@localhost",
    )
    server = f"socket={lake.socket}\nuser={user}\npassword=p@ss:w/rd\ndatabase={lake.database}"
    conf = lake.folder / "db.conf"
    conf.write_text(f"[siemstress]\nserver=localhost\n{server}\nsectionfile=sections.conf\n")
    here = ["-c", str(lake.config), "import-old"]
    assert main([*here, "--from-config", str(conf)]) == 0
    assert len(lake.rows()) == 20
    url = f"mariadb://{user}:p%40ss%3Aw%2Frd@localhost/{lake.database}?socket={lake.socket}"
    assert main([*here, url]) == 0
    assert len(lake.rows()) == 20


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "say where the old database is"),
        (("http://x",), "must be mariadb://"),
        (("mariadb://a@b/c", "--from-config", "x"), "cannot go with --from-config"),
        (("--from-config", "missing.conf"), "cannot be read"),
        (("URL", "--table", "Nope"), "no table of the original's called 'Nope'"),
        (("URL", "--table", "Auth=a b"), "must be letters, digits"),
        (("URL", "-z", "Mars/Base"), "no such time zone"),
    ],
)
def test_mistakes(
    lake: Site, arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lake.sql(old.created("Auth", old.EARLY_EVENTS))
    plain = [lake.url if a == "URL" else a for a in arguments]
    assert main(["-c", str(lake.config), "import-old", *plain]) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1


def test_a_zone_instead_of_a_wrong_offset(lake: Site, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {"DateStamp": "2017-08-23 06:15:38", "TZone": "+0400"},
        {"DateStamp": "2017-12-23 06:15:38", "TZone": "+0500"},
    ]
    # As on a server in New York, whose rows these are.
    (before,) = lake.sql("SELECT @@global.time_zone")[0]
    lake.sql("SET GLOBAL time_zone = '-05:00'")
    try:
        made(lake, "Auth", old.EARLY_EVENTS, rows)
        assert lake.run("--dry-run") == 0
        assert "its offset +0500 is the opposite of the server's" in capsys.readouterr().out
        assert lake.run("-z", "America/New_York") == 0
        assert "opposite" not in capsys.readouterr().err
    finally:
        lake.sql(f"SET GLOBAL time_zone = '{before}'")
    assert [(row["time"].hour, row["zone"]) for row in lake.rows()] == [
        (10, "-04:00"),
        (11, "-05:00"),
    ]


# An import in commits of 100 rows, of which each takes a while.
SLOW = """
import sys, time
from siemstress.commands.siemmanage import main
from siemstress.ingest.old_tables import importing
importing.ROWS = 100
plain = importing.Importing._wait_for
def slow(self, *arguments):
    plain(self, *arguments)
    print("committed", flush=True)
importing.Importing._wait_for = slow
sys.exit(main(["-c", sys.argv[1], "import-old", sys.argv[2]]))
"""


def test_killed_it_goes_on_where_it_was(site: Site) -> None:
    site.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 3000))
    kills = 0
    for commits in (1, 3, 5, 2):
        process = python(SLOW, site.config, site.url)
        assert process.stdout
        for _ in range(commits):
            process.stdout.readline()
        time.sleep(0.005 * commits)
        process.kill()
        kills += process.wait() < 0
        process.communicate()
    assert kills > 2
    assert 100 <= len(site.rows()) < 3000
    assert site.run() == 0
    assert [int(row["fields"]["old_id"]) for row in site.rows()] == [*range(1, 3001)]


def test_two_at_once_bring_in_every_row_once(site: Site) -> None:
    site.sql(old.created("Auth", old.LATE_EVENTS), old.late_rows("Auth", 2000))
    both = [python(SLOW, site.config, site.url) for _ in range(2)]
    for process in both:
        _, said = process.communicate(timeout=60)
        assert "Traceback" not in said
    assert site.run() == 0
    assert [int(row["fields"]["old_id"]) for row in site.rows()] == [*range(1, 2001)]
