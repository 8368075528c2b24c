"""Helpers: what regular expressions of the user's find in messages, on every store."""

from __future__ import annotations

import json
import pickle
import re
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsing import CLOCK
from running import Site
from siemstress.config import Helper, load
from siemstress.errors import ConfigError
from siemstress.fields.extraction import Extraction
from siemstress.ingest.parsing import LineParser
from siemstress.ingest.worker import WorkerProcess
from siemstress.sources.lines import of_bytes
from siemstress.store.opening import open_store
from stores import STORES

USERS = r"user[=\s]([A-Za-z0-9-_]*\.?[A-Za-z0-9-_]+)"
ADDRESSES = r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}"
LINE = b"Aug 23 06:15:38 web1 app[7]: user=bob.x user al from 10.0.0.1, length: 01:30, user al\n"

# In the notation that Python and Rust share, over letters that they know alike.
EXPRESSIONS = (
    USERS,
    ADDRESSES,
    r"length: (\d\d:\d\d)",
    r"a|ab",
    r"(a*)b",
    r"\b[ab]+\b",
    r"^x?(.)|(b)$",
    r"([^]x]+)\]",
    r"[[a&&b]+",
    r"[a-c]\Z",
    r"x{2}",
    r"(?i)USER (?:[^ ]+)",
)


def found(helpers: Sequence[Helper], messages: Sequence[str | None]) -> list[dict[str, str]]:
    """The fields that helpers find in messages."""
    empty = pl.Series([None] * len(messages), dtype=pl.Map(pl.String(), pl.String()))
    texts = pl.Series(messages, dtype=pl.String)
    events = pl.DataFrame({"message": texts, "fields": empty})
    added = Extraction(helpers).add(events)
    assert added.columns == ["message", "fields"]
    assert added["message"].to_list() == list(messages)
    return [dict(fields or {}) for fields in added["fields"].to_list()]


@pytest.mark.parametrize("regex", EXPRESSIONS)
@given(messages=st.lists(st.text(alphabet="abx[]&.1 :", max_size=20), max_size=5))
def test_what_is_found_is_what_the_original_found(regex: str, messages: list[str]) -> None:
    messages += ["user=b.a user a 1.1.1.1 length: 11:11", "xx a]b [a&b"]
    wanted = []
    # What Python warns of may mean in its future what it means to Rust now.
    expression = re.compile(regex.replace("[[a&&b]", r"[\[ab&]"))
    for message in messages:
        finds = expression.findall(message)
        texts = [t for find in finds for t in (find if isinstance(find, tuple) else [find]) if t]
        wanted.append(list(dict.fromkeys(texts)))
    for fields, texts in zip(found([Helper("h", "v", regex)], messages), wanted, strict=True):
        if len(texts) > 1:
            assert json.loads(fields["v"]) == texts
        else:
            assert fields == ({"v": texts[0]} if texts else {})


def test_helpers_share_variables_and_take_the_place_of_fields() -> None:
    helpers = [
        Helper("a", "who", r"by (\S+)"),
        Helper("b", "who", r"for (\S+)"),
        Helper("c", "what", r"(\w+)ed (\w+)"),
    ]
    message = 'opened door for "al" by bob by "al"'
    assert found(helpers, [message, None, "", "by x"]) == [
        {"who": '["bob","\\"al\\""]', "what": '["open","door"]'},
        {},
        {},
        {"who": "x"},
    ]
    events = pl.DataFrame(
        {
            "message": ["by x", "by y", "no"],
            "fields": pl.Series(
                [{"who": "old", "k": "v"}, None, {"who": "kept"}],
                dtype=pl.Map(pl.String(), pl.String()),
            ),
        }
    )
    added = Extraction(helpers).add(events)["fields"].to_list()
    assert [dict(f) for f in added] == [{"k": "v", "who": "x"}, {"who": "y"}, {"who": "kept"}]


def test_an_expression_takes_linear_time() -> None:
    started = time.monotonic()
    assert found([Helper("h", "v", r"(a*)*b")], ["a" * 100_000]) == [{}]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("regex", ["(", "(?=a)", r"(a)\1", r"(\w{1000}){1000}", "[z-a]"])
def test_an_expression_that_cannot_be_used_is_named(regex: str) -> None:
    helper = Helper("h", "v", regex, file="s.conf", section="helper h", key="regex")
    with pytest.raises(ConfigError, match=r"^s\.conf \[helper h\] regex: cannot be used: ") as e:
        Extraction([helper])
    assert "\n" not in str(e.value)


def with_helpers(site: Site, text: str) -> Site:
    config = site.folder / "s.conf"
    config.write_text(config.read_text() + text)
    return site


@pytest.mark.parametrize("kind", STORES)
def test_helpers_of_the_config_and_of_the_store(kind: str, tmp_path: Path) -> None:
    site = with_helpers(
        Site.on(kind, tmp_path),
        f"[helper lengths]\nregex=length: (\\d\\d:\\d\\d)\nsections=auth\n"
        f"[helper users]\nregex={USERS}\n"
        "[web]\ntable=Web\nhelpers=HELPERSWeb, Nowhere\n",
    )
    kept = {
        "HELPERSAuth": [{"var_name": "ips", "reg_exp": ADDRESSES}],
        "HELPERSWeb": [{"var_name": "app", "reg_exp": r"^user=(\w)"}],
    }
    with closing(site.store) as store:
        store.save_text("helpers", json.dumps(kept))
    users = {"users": '["bob.x","al"]'}
    lengths = {"lengths": "01:30"}
    ips, app = {"ips": "10.0.0.1"}, {"app": "b"}
    site.run("-s", "auth", data=LINE)
    assert site.events("Auth")[0]["fields"] == {**users, **lengths, **ips, **app}
    said = site.run("-s", "web", data=LINE)
    assert "helpers: the store has none called Nowhere" in said[0]
    assert site.events("Web")[0]["fields"] == {**users, **app}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[helper x]\nregex=(\n", "[helper x] regex: cannot be used: unclosed group"),
        ("[helper x]\n", "[helper x] regex: is missing"),
        ("[helper x]\nregex=a\nvar=b\n", "[helper x] var: no such key; there are: regex, sections"),
        ("[helper x]\nregex=a\nsections=nope\n", "[helper x] sections: no such section: nope"),
    ],
)
def test_a_wrong_helper_is_one_line(text: str, problem: str, tmp_path: Path) -> None:
    site = with_helpers(Site(tmp_path), text)
    (said,) = site.run("-s", "auth", data=LINE, status=2)
    assert problem in said
    assert not (tmp_path / "lake").exists()


def test_the_second_process_has_them_too(tmp_path: Path) -> None:
    site = Site(tmp_path)
    parser = LineParser("syslogbsd", [Helper("u", "users", USERS)])
    again: LineParser = pickle.loads(pickle.dumps(parser))  # noqa: S301
    events = again.parse(of_bytes(LINE), CLOCK, None, 1).events
    assert dict(events["fields"][0])["users"] == '["bob.x","al"]'
    process = WorkerProcess(load(tmp_path / "s.conf"), "Auth", parser)
    try:
        process.ready()
        process.buffer[: len(LINE)] = np.frombuffer(LINE, np.uint8)
        process.parse(len(LINE), CLOCK, None, 1)
        staged = process.stage()
    finally:
        process.close()
    with closing(open_store(load(tmp_path / "s.conf"))) as store:
        store.commit("Auth", staged)
    assert site.events("Auth")[0]["fields"]["users"] == '["bob.x","al"]'
