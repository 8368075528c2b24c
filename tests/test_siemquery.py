"""siemquery at the command: every flag, on a real lake."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from pathlib import Path

import polars as pl
import pytest

from querying import ALWAYS, AUTH, CONFIG, Query, error_of, folder, frame, query
from siemstress.commands.siemquery_flags import FORMS
from siemstress.query.filters import COLUMNS
from siemstress.schema import EVENT
from siemstress.store.lake import Lake
from stores import put

__all__ = ["folder", "query"]


def ids(query: Query, *arguments: str) -> list[int]:
    """The ids of the events of the section auth, in the order in which they are printed."""
    flags = () if "--range" in arguments or "--last" in arguments else ALWAYS
    out = query("-s", "auth", *flags, "--format", "jsonl", *arguments)
    return [json.loads(line)["id"] for line in out.splitlines()]


def test_bug_1_a_config_file_is_used(query: Query, folder: Path, tmp_path: Path) -> None:
    assert "an entry" in query(*ALWAYS)
    (tmp_path / "other.conf").write_text("[siemstress]\nlake=none\n")
    assert query("-c", str(tmp_path / "other.conf"), *ALWAYS) == ""
    assert "missing.conf" not in query("-c", "s.conf", *ALWAYS)
    query("-c", "missing.conf", status=2)
    assert error_of(query).startswith("siemquery: missing.conf: ")
    assert folder.joinpath("lake").exists()


def test_bug_12_an_id_is_that_number_alone(query: Query) -> None:
    assert ids(query, "--id", "123") == [123]
    assert ids(query, "--id", "1", "--id", "2") == [1, 2]


def test_an_id_is_found_however_old(query: Query) -> None:
    assert '"id":1,' in query("-s", "auth", "--id", "1", "--format", "jsonl")
    assert query("-s", "auth", "--id", "1", "--last", "1h") == ""


def test_bug_13_several_tables_are_one_answer(query: Query) -> None:
    out = query("--table", "Auth", "--table", "Entries", *ALWAYS, "--format", "jsonl")
    found = [(row["table"], row["id"]) for row in map(json.loads, out.splitlines())]
    assert found == [
        ("Auth", 1), ("Entries", 50), ("Auth", 2), ("Auth", 3), ("Auth", 123)
    ]  # fmt: skip
    both = query("-s", "auth", "-s", "default", *ALWAYS, "--format", "jsonl")
    assert both == out
    assert query("-s", "auth", "--table", "auth", *ALWAYS).count("\n") == 5


def test_bug_14_filtering_out_keeps_what_has_nothing_there(query: Query) -> None:
    assert ids(query, "--rprocess", "sshd") == [2, 3, 123]
    assert ids(query, "--rshost", "10.0.0.5", "--rshost", "2001%") == [2, 3]
    assert ids(query, "--rfield", "method=%") == [2, 3, 123]


def test_bug_15_values_are_never_sql(query: Query, folder: Path) -> None:
    for flag in COLUMNS:
        if flag in ("id", "pid", "sport", "dport", "severity", "category", "unparsed"):
            continue
        value = "x=' OR 1=1 --" if flag == "field" else "' OR 1=1 --"
        assert ids(query, f"--{flag}", value) == []
        assert ids(query, f"--r{flag}", value) == [1, 2, 3, 123]
    for column in ('id"; DROP TABLE "Auth', "x) --", "fields.'] --"):
        query("-s", "auth", *ALWAYS, "--count-by", column, status=0 if "fields" in column else 2)
    query("-s", 'auth"; --', status=2)
    query("--table", "../lake/Auth", status=2)
    assert (folder / "lake").exists()


def test_bug_16_long_addresses_and_names_are_whole(query: Query) -> None:
    assert ids(query, "--shost", "2001:db8::8a2e:370:7334") == [123]
    assert ids(query, "--shost", "h" * 200) == [123]
    assert "2001:db8::8a2e:370:7334" in query("-s", "auth", *ALWAYS)
    out = query("-s", "auth", *ALWAYS, "--columns", "source_host")
    assert "h" * 200 in out


def test_hosts_are_those_that_log_and_those_that_act(query: Query) -> None:
    assert ids(query, "--shost", "web1") == [1, 2]
    assert ids(query, "--shost", "10.0.0.%") == [1]
    assert ids(query, "--rshost", "WEB_") == [3, 123]


def test_filters_go_together(query: Query) -> None:
    assert ids(query, "--process", "SSHD", "--grep", "failed") == [1]
    assert ids(query, "--process", "sshd", "--process", "cron") == [1, 2]
    assert ids(query, "--user", "root", "--action", "login", "--outcome", "failure") == [1]
    assert ids(query, "--category", "authentication", "--outcome", "failure") == [1]
    assert ids(query, "--rcategory", "authentication") == [2, 3, 123]
    assert ids(query, "--category", "authentication", "--action", "request") == []
    query("-s", "auth", "--category", "burglary", status=2)
    assert ids(query, "--severity", "info", "--facility", "4", "--sport", "22") == [1]
    assert ids(query, "--unparsed") == [3]
    assert ids(query, "--runparsed") == [1, 2, 123]


def test_times(query: Query) -> None:
    assert ids(query, "--range", "20260301120000-20260301130000") == [1, 2]
    assert ids(query, "--range", "260301130000-20260301") == [2, 3]
    assert ids(query, "--range", "20260301130001-") == [3, 123]
    assert ids(query, "--range", "20260301-20260301", "--last", "5m") == [1, 2, 3]
    assert ids(query, "--range", "20260301170000-20260301180000", "-z", "+0500") == [1, 2]
    query("--range", "yesterday", status=2)
    assert error_of(query).startswith("siemquery: --range: must be START-FINISH")


def test_the_last_24_hours_are_asked_for_by_default(query: Query) -> None:
    assert "new" in query("--table", "Loose")
    assert "new" in query("--table", "loose", "--last", "40m")
    assert query("--table", "Loose", "--last", "20m") == ""
    assert query("-s", "auth") == ""
    assert error_of(query) == "siemquery: no events\n"


def test_limits_and_order(query: Query) -> None:
    assert ids(query, "--limit", "2") == [3, 123]
    assert ids(query, "--limit", "2", "--reverse") == [123, 3]
    assert ids(query, "--reverse") == [123, 3, 2, 1]
    query("--limit", "x", status=2)


def test_the_table_shows_the_sections_columns(query: Query) -> None:
    lines = query("-s", "auth", *ALWAYS).splitlines()
    assert lines[0].split() == ["id", "time", "host", "process", "pid", "message"]
    assert lines[1].split()[:6] == ["1", "2026-03-01", "12:00:00", "web1", "sshd", "11"]
    assert len(lines) == 5


def test_alerts_are_asked_for_as_in_the_original(query: Query) -> None:
    lines = query("-s", "userauth", *ALWAYS).splitlines()
    assert lines[0].split() == [
        "id", "time", "source_rule", "event_limit", "event_count", "message"
    ]  # fmt: skip
    assert lines[1].split() == ["9", "2026-03-01", "12:00:00", "burst", "7", "8", "Over", "7"]


def test_shown_times_are_in_the_zone(query: Query) -> None:
    assert "2026-03-01 17:45:00" in query("-s", "auth", *ALWAYS, "-z", "Asia/Kathmandu")


def test_nothing_steers_the_terminal(query: Query) -> None:
    out = query("-s", "auth", *ALWAYS)
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out
    assert "\\u202e" in out


def test_tables_fit_where_the_width_is_known(query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    out = query("-s", "auth", *ALWAYS, "--columns", "id,time,host,message,source_host")
    assert max(map(len, out.splitlines())) <= 70
    assert re.sub(r"\s", "", out).count("h" * 5) >= 1


def test_machine_forms_hold_every_column(query: Query) -> None:
    rows = [
        json.loads(line) for line in query("-s", "auth", *ALWAYS, "--format", "jsonl").splitlines()
    ]
    assert set(rows[0]) == {c.name for c in EVENT}
    assert rows[0]["time"] == "2026-03-01T12:00:00.000000Z"
    assert rows[0]["fields"] == {"method": "password"}
    assert rows[2]["raw_bytes"] == "Y2Fm6SAbWzMxbXJlZA=="
    assert json.loads(query("-s", "auth", *ALWAYS, "--format", "json")) == rows
    table = list(
        csv.reader(io.StringIO(query("-s", "auth", *ALWAYS, "--format", "csv"), newline=""))
    )
    assert table[0] == list(rows[0])
    assert [row[0] for row in table[1:]] == ["1", "2", "3", "123"]


def test_raw_lines_come_back_byte_for_byte(query: Query) -> None:
    out = query("-s", "auth", *ALWAYS, "--format", "raw").encode("utf-8", "surrogateescape")
    expected = [row.get("raw_bytes") or row["raw"].encode() for row in AUTH]
    assert out == b"".join(line + b"\n" for line in expected)


def test_raw_is_rebuilt_where_it_is_not_stored(query: Query, tmp_path: Path) -> None:
    row = {**AUTH[0], "raw": None}
    lake = Lake(tmp_path / "lake")
    put(lake, "Auth", frame([row]))
    (tmp_path / "s.conf").write_text(CONFIG)
    config = ("-c", str(tmp_path / "s.conf"))
    line = "<38>Mar  1 12:00:00 web1 sshd[11]: Failed password for root"
    assert query(*config, "-s", "auth", *ALWAYS, "--format", "raw") == line + "\n"
    assert line in query(*config, "--sql", "SELECT raw FROM auth")
    assert line in query(*config, "-s", "auth", *ALWAYS, "--columns", "raw,id")
    assert line in query(*config, "-s", "auth", *ALWAYS, "--count-by", "raw")


def test_parquet(query: Query, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    query("-s", "auth", *ALWAYS, "--format", "parquet", "--output", str(path))
    assert pl.read_parquet(path)["id"].to_list() == [1, 2, 3, 123]
    data = query("-s", "auth", *ALWAYS, "--format", "parquet", "--columns", "id")
    assert pl.read_parquet(data.encode("utf-8", "surrogateescape")).columns == ["id"]


def test_json_is_written_beside_the_table(query: Query, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    out = query("-s", "auth", *ALWAYS, "--json", str(path))
    assert out.splitlines()[0].split() == ["id", "time", "host", "process", "pid", "message"]
    rows = json.loads(path.read_text())
    assert [row["id"] for row in rows] == [1, 2, 3, 123]
    assert [list(row) for row in rows] == [sorted(c.name for c in EVENT)] * 4
    laid_out = json.dumps(rows, indent=2, sort_keys=True, ensure_ascii=False)
    assert path.read_text().lower() == laid_out.lower() + "\n"
    assert query("-s", "auth", *ALWAYS, "--json", str(path), "--silent", "--id", "1") == ""
    assert len(json.loads(path.read_text())) == 1


def test_output_replaces_a_file_only_by_a_whole_answer(query: Query, tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    query("--sql", "SELECT error('no')", "--output", str(path), status=2)
    assert path.read_text() == "old"
    assert query("-s", "auth", *ALWAYS, "--output", str(path)) == ""
    assert path.read_text().splitlines()[0].split()[0] == "id"
    assert list(tmp_path.iterdir()) == [path]
    query("--output", str(tmp_path / "no/such"), status=2)
    assert "cannot be written" in error_of(query)


def test_verbose_shows_the_sql_and_silent_no_table(query: Query) -> None:
    assert query("-s", "auth", *ALWAYS, "--grep", "x'y", "--verbose", "--silent") == ""
    assert "ILIKE '%x''y%'" in error_of(query)
    for flags in (["--histogram"], ["--count-by", "host"], ["--sql", "SELECT 'FROM' AS x"]):
        query(*flags, "--verbose", "--silent")
        assert "FROM" in error_of(query)


def test_counts(query: Query) -> None:
    out = query("-s", "auth", *ALWAYS, "--count-by", "SourceHost", "--format", "csv")
    assert out == "host,count\r\nweb1,2\r\n2001:db8::8a2e:370:7334,1\r\n,1\r\n"
    out = query("-s", "auth", *ALWAYS, "--count-by", "host,fields.method", "--format", "jsonl")
    assert {"host": "web1", "fields.method": "password", "count": 1} in map(
        json.loads, out.splitlines()
    )
    out = query("-s", "auth", "-s", "default", *ALWAYS, "--count-by", "table", "--limit", "1")
    assert out.split() == ["table", "count", "Auth", "4"]
    out = query("-s", "auth", *ALWAYS, "--count-by", "parsed", "--reverse")
    assert out.split() == ["parsed", "count", "no", "1", "yes", "3"]
    query("-s", "auth", "--count-by", "nosuch", status=2)
    assert error_of(query).startswith(
        "siemquery: --count-by: there is no column 'nosuch'; there are"
    )
    query("-s", "auth", "--count-by", " , ", status=2)


def test_histograms(query: Query) -> None:
    lines = query("-s", "auth", *ALWAYS, "--histogram", "1d").splitlines()
    assert [line.split()[:2] for line in lines] == [["2026-03-01", "3"], ["2026-03-02", "1"]]
    assert lines[0].count("█") > 3 * lines[1].count("█") - 3
    lines = query("-s", "auth", *ALWAYS, "--histogram").splitlines()
    assert 20 < len(lines) <= 50
    out = query("-s", "auth", *ALWAYS, "--histogram", "13h", "--format", "jsonl")
    assert sum(json.loads(line)["count"] for line in out.splitlines()) == 4
    assert query("-s", "auth", "--histogram") == ""
    assert error_of(query) == "siemquery: no events\n"
    query("--histogram", "soon", status=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-s", "nosuch"], "[nosuch]: no such section; there are: auth, default, userauth"),
        (["--table", "nosuch"], "--table: no table 'nosuch'; there are: Auth, Entries, Loose, "),
        (["--pid", "x"], "--pid: must be a number"),
        (["--rsport", "70000"], "--rsport: must be a number from 0 to 65535"),
        (["--last", "soon"], "--last: must be a span"),
        (["-z", "Mars"], "-z: must be an offset"),
        (["--sql", "SELECT 1", "--limit", "1"], "--limit: cannot go with --sql"),
        (["--sql", "SELECT 1", "--count-by", "host"], "--sql: cannot go with --count-by"),
        (["--sql", "SELECT 1", "-s", "auth"], "--sql: has all sections"),
        (["--histogram", "--reverse"], "--reverse: cannot go with --histogram"),
        (["--count-by", "host", "--format", "raw"], "--format: raw shows"),
        (["--timeout", "5s"], "--timeout: goes with --sql"),
    ],
)
def test_mistakes_are_one_line(query: Query, arguments: list[str], message: str) -> None:
    query(*arguments, status=2)
    assert message in error_of(query)
    assert error_of(query).count("\n") == 1


def documented() -> list[str]:
    """The commands in the fenced blocks of siemquery's page."""
    page = Path(__file__).resolve().parent.parent / "docs/siemquery.md"
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(
        r"^siemquery .*?(?=^siemquery |\Z)", "".join(blocks), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("command", documented())
def test_the_documents_examples_run(
    query: Query, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "s.conf").write_text(CONFIG.replace("lake=lake", f"lake={folder}/lake"))
    monkeypatch.chdir(tmp_path)
    query(*shlex.split(command)[1:])
    assert error_of(query) in ("", "siemquery: no events\n", "siemquery: no rows\n")


def test_every_form_is_documented() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs/siemquery.md").read_text()
    assert [form for form in FORMS if f"| `{form}` | " not in page] == []
