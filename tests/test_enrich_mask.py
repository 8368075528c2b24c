"""Masking: the value is gone from wherever it was, and the same everywhere afterwards."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enriching import enriched, enricher, events
from siemstress.config.enrichment import TOKEN
from siemstress.enrich.enricher import Enricher
from siemstress.enrich.mask import make_key, read_key, token
from siemstress.errors import ConfigError

KEY = b"0123456789abcdef"


def masker(folder: Path, columns: str = "user_name", more: str = "") -> Enricher:
    path = folder / "key"
    path.touch(mode=0o600)
    path.write_bytes(KEY)
    return enricher(folder, f"[mask]\ncolumns={columns}\nkey=key\n{more}")


@pytest.fixture(scope="module")
def of_users(tmp_path_factory: pytest.TempPathFactory) -> Enricher:
    return masker(tmp_path_factory.mktemp("mask"))


def token_of(value: str, folder: Path) -> str:
    return token(read_key(folder / "key"), value)


def test_a_token_is_the_same_for_the_same_value(tmp_path: Path) -> None:
    worker = masker(tmp_path, "user_name,source_host,fields.email,fields.none")
    rows: list[dict[str, Any]] = [
        {"user_name": "alice", "fields": {"email": "alice", "other": "x"}},
        {"source_host": "alice", "fields": {"email": "bob@a.example"}},
        {"user_name": None, "host": "alice", "message": "alice"},
    ]
    first, second, third = enriched(worker, *rows)
    alice = token_of("alice", tmp_path)
    assert re.fullmatch(TOKEN, alice)
    assert (first["user_name"], first["fields"]) == (alice, {"email": alice, "other": "x"})
    assert second["source_host"] == alice
    assert second["fields"] == {"email": token_of("bob@a.example", tmp_path)}
    # Only events that have it in a masked column are touched.
    assert (third["host"], third["message"]) == ("alice", "alice")
    other = tmp_path / "other"
    other.mkdir()
    masker(other)
    (other / "key").write_bytes(KEY[::-1])
    assert token_of("alice", other) != alice


FORMS = {
    "plain": "user alice, home /home/alice.",
    "capitals": "user ALICE logged in, Alice",
    "edges": "alice",
    "twice": "alice alice;alice",
    "path": r"CORP\alice@host alice_x alice-y",
    "escapes": r"Account Name:\t\talice\r\nLogon #011alice %20alice%0a",
    "hex": "acct=" + b"alice".hex().upper() + " " + b"xx\0alice".hex(),
    "unicode escapes": r'{"u": "\u0061l\u0069ce"}',
    "percent": "GET /?u=%61%6cice HTTP/1.1",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_value_leaves_the_texts(text: str, of_users: Enricher) -> None:
    row = {"user_name": "alice", "message": text, "raw": f"<1>{text}", "fields": {"k": text}}
    (found,) = enriched(of_users, row)
    for said in (found["message"], found["raw"], found["fields"]["k"]):
        assert re.search(TOKEN, said), said
        assert "alice" not in said.lower()
        assert b"alice".hex() not in said.lower()
        assert r"\u0061" not in said
        assert "%61" not in said


def test_other_words_stay(of_users: Enricher) -> None:
    text = "malice alices Alicé2 xalice alice2: \u00e9alice"
    (found,) = enriched(of_users, {"user_name": "alice", "message": text})
    assert found["message"] == text
    (found,) = enriched(of_users, {"user_name": "a", "message": "a cat ate a hat"})
    assert re.sub(TOKEN, "_", found["message"]) == "_ cat ate _ hat"


@pytest.mark.parametrize("value", ["", "-", "?", "()"])
def test_what_says_nothing_stays(value: str, of_users: Enricher) -> None:
    (found,) = enriched(of_users, {"user_name": value, "message": "a - b ? ()"})
    assert (found["user_name"], found["message"]) == (value, "a - b ? ()")


def test_the_longer_value_goes_first(tmp_path: Path) -> None:
    worker = masker(tmp_path, "user_name,fields.email")
    mail = "alice@a.example"
    (found,) = enriched(
        worker,
        {"user_name": "alice", "message": f"from {mail} by alice", "fields": {"email": mail}},
    )
    expected = f"from {token_of(mail, tmp_path)} by {token_of('alice', tmp_path)}"
    assert found["message"] == expected


def test_a_token_is_not_masked_again(of_users: Enricher) -> None:
    (once,) = enriched(of_users, {"user_name": "alice", "message": "alice in"})
    (twice,) = enriched(of_users, once)
    assert (twice["user_name"], twice["message"]) == (once["user_name"], once["message"])


def test_bytes_that_are_no_text_go(of_users: Enricher) -> None:
    rows = [
        {"user_name": "alice\ufffd", "message": "alice\ufffd", "raw_bytes": b"alice\xff"},
        {"message": "alice\ufffd", "raw_bytes": b"alice\xff"},
    ]
    found = enriched(of_users, *rows)
    assert [event["raw_bytes"] for event in found] == [None, b"alice\xff"]
    assert re.search(TOKEN, found[0]["message"])


def test_what_enrichment_added_is_no_place_for_values(tmp_path: Path) -> None:
    """Whoever chooses a user name must not take away a mark."""
    (tmp_path / "l").write_text("192.0.2.1\nmallory\n")
    (tmp_path / "a.csv").write_text("host,owner\nweb1,mallory\n")
    more = "[list evil]\nfile=l\n[assets]\nfile=a.csv\n"
    worker = masker(tmp_path, "user_name", more)
    rows = [
        {"user_name": "evil", "source_host": "192.0.2.1", "host": "web1"},
        {"user_name": "Mallory", "host": "web1"},
    ]
    found = [event["fields"] for event in enriched(worker, *rows)]
    assert found == [{"list": "evil", "asset.owner": "mallory"}] * 2
    worker = masker(tmp_path, "user_name, fields.asset.owner", more)
    assert enriched(worker, rows[0])[0]["fields"]["asset.owner"] == token_of("mallory", tmp_path)


def test_texts_do_not_grow_without_bounds(of_users: Enricher) -> None:
    text = "e " * 200_000
    (found,) = enriched(of_users, {"user_name": "e", "message": text})
    assert len(found["message"]) < len(text) + 5_000
    assert "e " not in re.sub(TOKEN, "", found["message"])


NAMES = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12
) | st.sampled_from(["a", "masked", "été", "a b", 'a"b', "a\\b", "a/b", "a%b", "🦊", "İ", "ß"])


@settings(max_examples=60, deadline=None)
@given(NAMES, st.text(st.sampled_from(" .,:;\"'()=<>/\\"), max_size=4), st.data())
def test_any_value_leaves_any_text(
    of_users: Enricher, name: str, between: str, data: st.DataObject
) -> None:
    writers: list[Callable[[str], str]] = [str, json.dumps, quote, str.upper, str.lower]
    write = data.draw(st.sampled_from(writers))
    text = f"user {between} {write(name)} {between}."
    (found,) = enriched(of_users, {"user_name": name, "message": text, "raw": None})
    if found["user_name"] == name:
        assert re.fullmatch(r"[\x00-\x2f:-@\[-`{-\x7f]*", name)
        return
    assert re.fullmatch(TOKEN, found["user_name"])
    assert re.search(TOKEN, found["message"]), (text, found["message"])
    assert found["raw"] is None


def test_rows_do_not_mix(of_users: Enricher) -> None:
    rows = [{"user_name": f"u{n}", "message": f"u{n} u{n + 1}"} for n in range(300)]
    found = enriched(of_users, *rows)
    assert all(event["message"].endswith(f" u{n + 1}") for n, event in enumerate(found))
    assert len({event["user_name"] for event in found}) == 300
    assert of_users.add(events([])).height == 0


# --- the key


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_key(path)) == 64
    with pytest.raises(FileExistsError):
        make_key(path)


@pytest.mark.parametrize(
    ("data", "mode", "problem"),
    [
        (None, 0o600, "is not there: siemmanage mask --make-key makes one"),
        (KEY, 0o644, "can be read by others; chmod 600"),
        (b"short\n", 0o600, "must hold 16 to 4096 bytes"),
        (b"x" * 5000, 0o600, "must hold 16 to 4096 bytes"),
    ],
)
def test_keys_that_are_none(data: bytes | None, mode: int, problem: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / "key").write_bytes(data)
        os.chmod(tmp_path / "key", mode)
    with pytest.raises(ConfigError) as caught:
        enricher(tmp_path, "[mask]\ncolumns=user_name\nkey=key\n")
    assert f"[mask] key: {tmp_path}/key {problem}" in str(caught.value)
    assert KEY.decode() not in str(caught.value)
