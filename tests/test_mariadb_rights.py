"""Each command works with exactly the rights that the docs give its user, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from mariadb_server import QUICK, PrivateServer

BIN = Path(sys.executable).parent
PAGE = (Path(__file__).resolve().parent.parent / "docs/mariadb.md").read_text()
SECTIONS = """
[default]
table=Entries
[auth]
table=Auth
[userauth]
table=UserAuth
"""
RULES = "[many]\nsection=auth\ngrep=failed\nlimit=1\ninterval=10\n"
LINES = "".join(
    f"2026-10-14T04:1{n}:00Z web1 sshd[{n}]: Failed password for root from 192.0.2.1 port 5 ssh2\n"
    for n in range(5)
)
RANGE = ("--range", "20261014000000-20261015000000")


class Installation:
    """A server set up as the docs say, and a folder with a config for each user."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "db").mkdir()
        self.server = PrivateServer(folder / "db", QUICK)
        statements = re.findall(r"^```sql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
        setup = [part.strip() for block in statements for part in block.split(";\n")]
        self.statements = [part for part in setup if re.match("(CREATE|GRANT) ", part)]
        self.server.execute(*self.statements)
        self.passwords = dict(
            re.findall(
                r"CREATE USER (\w+)@\S+ IDENTIFIED BY '(.*?)'$",
                "\n".join(self.statements),
                re.M,
            )
        )
        (folder / "rules").mkdir()
        (folder / "rules/r.conf").write_text(RULES)
        for user, password in self.passwords.items():
            for name, more in ((f"{user}.conf", SECTIONS), (f"{user}-trigger.conf", "")):
                path = folder / name
                path.touch(mode=0o600)
                path.write_text(
                    f"[siemstress]\nserver={self.server.socket}\nuser={user}\npassword={password}\n"
                    f"database=siemstressdb\n{more or f'confdir=rules{chr(10)}config={user}.conf'}"
                )

    def run(
        self, command: str, *arguments: str, by: str = "", status: int = 0, data: str = ""
    ) -> str:
        """What a command prints, both outputs in one, run by the user of its name or another."""
        name = f"{by or command}{'-trigger' if command == 'siemtrigger' else ''}.conf"
        done = subprocess.run(
            [BIN / command, "-c", self.folder / name, *arguments],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout

    def denied(self, command: str, *arguments: str, by: str, data: str = "") -> str:
        """The one line that says why a command fails."""
        text = self.run(command, *arguments, by=by, status=1, data=data)
        assert self.passwords[by] not in text
        lines = [line for line in text.splitlines() if "not stored" not in line]
        assert len(lines) == 1, text
        return lines[0]

    def refused(self, user: str, statement: str) -> None:
        """Have a statement be refused to a user."""
        connection = pymysql.connect(
            unix_socket=str(self.server.socket),
            user=user,
            password=self.passwords[user],
            database="siemstressdb",
        )
        with connection, connection.cursor() as cursor:
            with pytest.raises(pymysql.err.OperationalError) as caught:
                cursor.execute(statement)
            assert caught.value.args[0] in (1044, 1142, 1143, 1227), caught.value


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    site = Installation(tmp_path_factory.mktemp("rights"))
    yield site
    site.server.kill()


def test_the_docs_name_a_user_for_each_command(site: Installation) -> None:
    assert set(site.passwords) == {
        "siemstress",
        "siemparse",
        "siemquery",
        "siemtrigger",
        "siemmanage",
    }


def test_each_command_does_its_work(site: Installation) -> None:
    said = site.run("siemparse", "-s", "auth", data=LINES)
    assert "stored 5 lines in Auth (all read)" in said
    assert said.count("\n") == 1
    file = site.folder / "a.log"
    file.write_text(LINES)
    for expected in (5, 0):
        assert f"stored {expected} lines in Entries" in site.run("siemparse", str(file))
    # A column that the table does not have yet.
    site.run("siemparse", "-s", "auth", data='{"message": "x", "time": "2026-10-14T05:00:00Z"}\n')
    for flags in (("--grep", "failed"), ("--count-by", "host"), ("--histogram", "1h")):
        assert site.run("siemquery", "-s", "auth", *RANGE, *flags)
    asked = "SELECT count(*) AS n FROM auth, default"
    assert "30" in site.run("siemquery", "--sql", asked.replace(", default", ", Entries"))
    said = site.run("siemtrigger", "--oneshot")
    assert "1 new alerts" in said
    assert "denied" not in said
    assert "0 new alerts" in site.run("siemtrigger", "--oneshot")
    assert "many" in site.run("siemquery", "-s", "userauth", *RANGE)
    for action in ("status", "sections", "compact", "repair"):
        site.run("siemmanage", action)
    assert "deleted 5 events" in site.run("siemmanage", "expire", "-s", "default", "--keep", "1h")
    site.run("siemmanage", "clear", "-s", "default", "--force")
    assert "Auth" in site.run("siemmanage", "status")


def test_readers_write_nothing(site: Installation) -> None:
    site.run("siemparse", "-s", "auth", data=LINES)
    for table in ("Auth", "siemstress_tables", "siemstress_positions", "siemstress_texts"):
        for statement in (
            "DELETE FROM {}",
            "INSERT INTO {0} SELECT * FROM {0}",
            "DROP TABLE {}",
            "ALTER TABLE {} ADD COLUMN x INT",
        ):
            site.refused("siemquery", statement.format(table))
    site.refused("siemquery", "UPDATE Auth SET message = ''")
    site.refused("siemquery", "CREATE TABLE x (y INT)")
    site.refused("siemquery", "SELECT * FROM mysql.user")


def test_siemparse_sees_no_event_and_takes_none_back(site: Installation) -> None:
    site.run("siemparse", "-s", "auth", data=LINES)
    for statement in (
        "SELECT message FROM Auth",
        "UPDATE Auth SET message = ''",
        "DELETE FROM Auth",
        "DROP TABLE Auth",
        "INSERT INTO siemstress_texts VALUES ('rules', '')",
        "DELETE FROM siemstress_positions",
        "CREATE TABLE x (y INT)",
    ):
        site.refused("siemparse", statement)


def test_siemtrigger_changes_no_event(site: Installation) -> None:
    site.run("siemparse", "-s", "auth", data=LINES)
    for statement in (
        "INSERT INTO Auth (id) VALUES (1)",
        "UPDATE Auth SET message = ''",
        "DELETE FROM UserAuth",
        "DROP TABLE UserAuth",
        "DELETE FROM siemstress_texts",
        "INSERT INTO siemstress_texts VALUES ('rules_sigma', '')",
    ):
        site.refused("siemtrigger", statement)


def test_a_right_that_lacks_is_named(site: Installation) -> None:
    site.run("siemparse", "-s", "auth", data=LINES)
    text = site.denied("siemparse", "-s", "auth", by="siemquery", data=LINES)
    assert re.search(r"(INSERT|UPDATE|CREATE) command denied to user 'siemquery'@", text), text
    text = site.denied("siemquery", "-s", "auth", *RANGE, by="siemparse")
    assert "SELECT command denied to user 'siemparse'@" in text
    assert "Auth" in text
    text = site.denied("siemparse", "-s", "userauth", by="siemparse", data=LINES)
    assert re.search("(CREATE|INSERT) command denied to user 'siemparse'@", text), text
    assert "UserAuth" in text
    text = site.denied("siemmanage", "clear", "-s", "auth", "--force", by="siemtrigger")
    assert "DROP command denied to user 'siemtrigger'@" in text
    text = site.denied("siemmanage", "expire", "-s", "auth", "--keep", "1h", by="siemquery")
    assert "DELETE command denied to user 'siemquery'@" in text
    text = site.denied("siemtrigger", "--oneshot", by="siemquery")
    assert "denied to user 'siemquery'@" in text
    assert site.run("siemquery", "-s", "auth", *RANGE)


def test_keep_without_the_right_to_delete_is_told_and_stops_nothing(site: Installation) -> None:
    conf = site.folder / "siemparse.conf"
    text = conf.read_text()
    conf.write_text(text.replace("table=Auth", "table=Auth\nkeep=1h"))
    try:
        said = site.run("siemparse", "-s", "auth", data=LINES)
    finally:
        conf.write_text(text)
    assert "stored 5 lines in Auth" in said
    assert "siemparse: Auth: old events are not deleted: MariaDB " in said
    assert "command denied to user 'siemparse'@" in said
    site.server.execute("GRANT SELECT, DELETE ON siemstressdb.Auth TO siemparse@'%'")
    site.server.execute(
        "UPDATE siemstressdb.siemstress_positions SET position = 0 WHERE consumer = 'retention'"
    )
    conf.write_text(text.replace("table=Auth", "table=Auth\nkeep=1h"))
    try:
        assert "siemparse: Auth: deleted " in site.run("siemparse", "-s", "auth", data=LINES)
    finally:
        conf.write_text(text)
        site.server.execute("REVOKE SELECT, DELETE ON siemstressdb.Auth FROM siemparse@'%'")


def test_no_password_is_shown_by_whatever_flag(site: Installation) -> None:
    secret = site.passwords["siemquery"]
    for flags in (("--verbose",), ("--debug",)):
        assert secret not in site.run("siemquery", "-s", "auth", *RANGE, *flags)
    conf = site.folder / "wrong.conf"
    conf.touch(mode=0o600)
    url = f"mariadb://siemquery:{secret}x@localhost/siemstressdb?socket={site.server.socket}"
    conf.write_text(f"[siemstress]\nstore={url}\n{SECTIONS}")
    done = subprocess.run(
        [BIN / "siemquery", "-c", conf, "--debug", "-s", "auth"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("siemquery: MariaDB at ")
    assert "Access denied for user 'siemquery'@'localhost'" in done.stderr
    assert secret not in done.stdout + done.stderr
