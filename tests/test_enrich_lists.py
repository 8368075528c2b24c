"""Lists: every kind of file, every kind of value, and what they mark."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enriching import added, config, enricher
from siemstress.enrich.addresses import Ranges, packed, ranges_of
from siemstress.enrich.indicators import Indicators
from siemstress.enrich.lists import FIELD
from siemstress.enrich.reading import read_list
from siemstress.errors import ConfigError
from siemstress.extensions import load
from siemstress.fields.tables import Table

MD5, SHA256 = "d41d8cd98f00b204e9800998ecf8427e", "ab" * 32
OLD, AHEAD = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def listed(folder: Path, text: str, kind: str = "auto", field: str = "") -> dict[str, list[str]]:
    path = folder / "list"
    path.write_text(text)
    found = read_list(path, kind, field)
    kinds = {name: sorted(texts) for name, texts in found.texts.items() if texts}
    return kinds | ({"address": [shown(r) for r in found.ranges]} if found.ranges else {})


def shown(found: tuple[int, int, int]) -> str:
    version, first, last = found
    edges = [n.to_bytes(4 if version == 4 else 16, "big").hex() for n in (first, last)]
    return edges[0] if first == last else "-".join(edges)


def indicator(pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": "indicator", "pattern_type": "stix", "pattern": pattern, **more}


# --- files


def test_plain_text(tmp_path: Path) -> None:
    text = (
        "\ufeff# a comment\n; another\n\n192.0.2.1:8080\r\n  198.51.100.0/24 ; SBL1\n"
        "203.0.113.1-203.0.113.2\n2001:db8::/127 # why\n*.Evil.Example.\nhxxp://bad[.]example/x\nbücher.example\n"
        f"0.0.0.0 ads.example\n{MD5.upper()}\nAlice\nbob@mail.example\n"
    )
    assert listed(tmp_path, text) == {
        "address": [
            "c0000201",
            "c6336400-c63364ff",
            "cb007101",
            "cb007102",
            "20010db8000000000000000000000000-20010db8000000000000000000000001",
        ],
        "domain": ["ads.example", "evil.example", "xn--bcher-kva.example"],
        "url": ["http://bad.example/x"],
        "hash": [MD5],
        "user": ["alice", "bob@mail.example"],
    }


@pytest.mark.parametrize(
    ("text", "field", "found"),
    [
        ("ip,why\n192.0.2.1,x\n192.0.2.2,y\n", "", ["c0000201", "c0000202"]),
        ("192.0.2.1,x\n192.0.2.2,y\n", "", ["c0000201", "c0000202"]),
        ('id;Address\n1;"192.0.2.1"\n2;\n3\n', "address", ["c0000201"]),
        ("a\tip\n192.0.2.9\t192.0.2.1\n", "ip", ["c0000201"]),
    ],
)
def test_csv(text: str, field: str, found: list[str], tmp_path: Path) -> None:
    assert listed(tmp_path, text, "address", field) == {"address": found}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (["192.0.2.1", "evil.example"], ""),
        ([{"ip": "192.0.2.1"}, {"value": "evil.example"}], ""),
        ({"data": [{"x": "192.0.2.1"}, {"x": "evil.example"}], "n": 2}, "x"),
        ({"192.0.2.1": {}, "evil.example": {}}, ""),
    ],
)
def test_json(document: Any, field: str, tmp_path: Path) -> None:
    found = {"address": ["c0000201"], "domain": ["evil.example"]}
    assert listed(tmp_path, json.dumps(document, indent=1), field=field) == found


def test_json_lines(tmp_path: Path) -> None:
    text = '{"ip": "192.0.2.1"}\n{"domain": "evil.example"}\n'
    assert listed(tmp_path, text) == {"address": ["c0000201"], "domain": ["evil.example"]}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", {"address": ["c0000201"]}),
        ("[ipv4-addr:value ISSUBSET '192.0.2.0/31']", {"address": ["c0000200-c0000201"]}),
        ("[ipv6-addr:value IN ('::1', '::2')]", {"address": ["00" * 15 + "01", "00" * 15 + "02"]}),
        (
            "[domain-name:value='Evil.example' OR domain-name:value = 'b.example']",
            {"domain": ["b.example", "evil.example"]},
        ),
        ("[domain-name:value='a.example'] OR [url:value = 'http://AND.x/']",
         {"domain": ["a.example"], "url": ["http://and.x/"]}),
        (f"[file:hashes.MD5 = '{MD5}' AND file:hashes.'SHA-256' = '{SHA256}']",
         {"hash": sorted([MD5, SHA256])}),
        (f"[file:hashes.'SHA-256' = '{SHA256}' AND file:name = 'x.exe']", {"hash": [SHA256]}),
        ("[user-account:account_login = 'mal\\'ory']", {}),
        ("[user-account:account_login = 'CORP\\\\mallory']", {"user": ["corp\\mallory"]}),
        ("[email-addr:value = 'm@evil.example']", {"user": ["m@evil.example"]}),
        # One value alone is no find.
        ("[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port = 80]", {}),
        ("[domain-name:value = 'a.example'] AND [ipv4-addr:value = '192.0.2.1']", {}),
        ("[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.2']", {}),
        ("[ipv4-addr:value != '192.0.2.1']", {}),
        ("[NOT ipv4-addr:value = '192.0.2.1']", {}),
        ("[ipv4-addr:value NOT = '192.0.2.1']", {}),
        (f"[file:hashes.MD5 = '{MD5}'] AND [file:hashes.MD5 = '{'0' * 32}']", {}),
        ("[ipv4-addr:value LIKE '192.0.2.%']", {}),
        ("[process:name = 'x']", {}),
        ("rule x { }", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_stix_patterns(pattern: str, found: dict[str, list[str]], tmp_path: Path) -> None:
    objects = [indicator("[ipv4-addr:value = '203.0.113.1']"), indicator(pattern)]
    bundle = {"type": "bundle", "id": "bundle--1", "objects": [{"type": "malware"}, *objects]}
    assert listed(tmp_path, json.dumps(bundle)) == {
        **found,
        "address": ["cb007101", *found.get("address", [])],
    }


def test_stix_indicators_that_are_over(tmp_path: Path) -> None:
    pattern = "[ipv4-addr:value = '192.0.2.{}']"
    objects = [
        indicator(pattern.format(1), valid_until=AHEAD),
        indicator(pattern.format(2), valid_until=OLD),
        indicator(pattern.format(3), revoked=True),
        indicator(pattern.format(4), indicator_types=["benign"]),
        {**indicator(pattern.format(5)), "pattern_type": "sigma"},
        # What was seen is no indicator.
        {"type": "ipv4-addr", "value": "192.0.2.6"},
    ]
    assert listed(tmp_path, json.dumps(objects)) == {"address": ["c0000201"]}
    assert listed(tmp_path, json.dumps(objects[0])) == {"address": ["c0000201"]}


MISP = [
    {"type": "ip-src", "value": "192.0.2.1", "to_ids": True},
    {"type": "ip-dst|port", "value": "192.0.2.2|443"},
    {"type": "domain|ip", "value": "evil.example|192.0.2.3", "to_ids": "1"},
    {"type": "hostname", "value": "www.bad.example"},
    {"type": "filename|sha256", "value": f"x.exe|{SHA256}"},
    {"type": "md5", "value": MD5},
    {"type": "url", "value": "http://u.example/?a|b"},
    {"type": "email-src", "value": "m@evil.example"},
    {"type": "comment", "value": "192.0.2.4"},
    {"type": "ip-src", "value": "192.0.2.5", "to_ids": False},
    {"type": "ip-src", "value": "192.0.2.6", "deleted": True},
]
MISP_FOUND = {
    "address": ["c0000201", "c0000202", "c0000203"],
    "domain": ["evil.example", "www.bad.example"],
    "hash": sorted([MD5, SHA256]),
    "url": ["http://u.example/?a|b"],
    "user": ["m@evil.example"],
}


@pytest.mark.parametrize(
    "document",
    [
        {"Event": {"info": "x", "Attribute": MISP}},
        {"response": [{"Event": {"Attribute": MISP[:4], "Object": [{"Attribute": MISP[4:]}]}}]},
        {"response": {"Attribute": MISP}},
        [{"Event": {"Attribute": MISP}}],
    ],
)
def test_misp(document: Any, tmp_path: Path) -> None:
    assert listed(tmp_path, json.dumps(document)) == MISP_FOUND
    assert listed(tmp_path, json.dumps(document), "hash") == {"hash": MISP_FOUND["hash"]}


def test_misp_csv(tmp_path: Path) -> None:
    text = (
        "uuid,event_id,category,type,value,comment,to_ids,date\n"
        '1,1,"Network activity",ip-dst,192.0.2.1,"",1,1\n2,1,x,domain,evil.example,"a,b",1,1\n'
        "3,1,x,ip-dst,192.0.2.2,,0,1\n"
    )
    found = {"address": ["c0000201"], "domain": ["evil.example"]}
    assert listed(tmp_path, text) == found


@pytest.mark.parametrize(
    ("data", "kind", "problem"),
    [
        (b"\xff\xfe", "auto", "is not UTF-8 text"),
        (b'{"a": [', "auto", "is no JSON: "),
        (b"[" * 100_000, "auto", "is no JSON"),
        (b"<html>\n<p>Not found</p>\n</html>\n", "auto", "is no list of this kind"),
        (b"a\nb\n192.0.2.1\n", "address", "most entries are not, such as 'a'"),
        (b"a,b\n1,2\n", "address", "is no list"),
        (b"7", "hash", "is no list"),
    ],
)
def test_what_is_no_list(data: bytes, kind: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        enricher(tmp_path, f"[list x]\nfile=l\nkind={kind}\n")
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/siemstress.conf [list x] file: {tmp_path}/l ")
    assert problem in text
    assert "\n" not in text


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_is_a_list_or_is_none(text: str) -> None:
    found = Indicators()
    for kind in ("auto", "address", "domain", "hash", "user", "url"):
        found.add(kind, text)
    assert len(found) + found.unread >= 1


# --- addresses


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_ranges_find_what_lies_in_them(data: st.DataObject) -> None:
    import ipaddress

    import polars as pl

    version = data.draw(st.sampled_from([4, 6]))
    base = ipaddress.ip_address("192.0.2.0" if version == 4 else "2001:db8::")
    bits = base.max_prefixlen
    some = st.tuples(st.integers(0, 255), st.integers(bits - 8, bits))
    networks = [
        ipaddress.ip_network(f"{base + offset}/{length}", strict=False)
        for offset, length in data.draw(st.lists(some, max_size=12))
    ]
    ranges = Ranges((r, n) for n, net in enumerate(networks) for r in ranges_of(str(net)))
    texts = [str(base + n) for n in range(256)]
    places, numbers = ranges.look_up(packed(pl.Series(texts)))
    found = dict(zip(places.tolist(), numbers.tolist(), strict=True))
    for place, text in enumerate(texts):
        around = [n for n, net in enumerate(networks) if ipaddress.ip_address(text) in net]
        smallest = max((networks[n].prefixlen for n in around), default=None)
        assert (place in found) == bool(around)
        if around:
            assert networks[found[place]].prefixlen == smallest


# --- marks


def test_every_kind_of_value_is_found(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text(
        f"192.0.2.0/24\n2001:db8::1\nevil.example\n{MD5}\nmallory\nhttp://u.example/x\n"
    )
    worker = enricher(tmp_path, "[list bad]\nfile=bad\n")
    rows: list[tuple[dict[str, Any], bool]] = [
        ({"source_host": "192.0.2.7"}, True),
        ({"dest_host": "::ffff:192.0.2.7"}, True),
        ({"source_host": "2001:DB8:0:0::0001"}, True),
        ({"source_host": "2001:db8::2"}, False),
        ({"source_host": "www.Evil.Example."}, True),
        ({"source_host": "notevil.example"}, False),
        ({"source_host": "evil.example.org"}, False),
        ({"user_name": "Mallory"}, True),
        ({"user_name": "mallory2"}, False),
        ({"host": "mallory", "process": "mallory", "message": "mallory 192.0.2.7"}, False),
        ({"fields": {"client": "192.0.2.7:443"}}, True),
        ({"fields": {"client": "[2001:db8::1]:443"}}, True),
        ({"fields": {"query": "a.b.evil.example"}}, True),
        ({"fields": {"url": "https://u:p@evil.example:8443/a?b"}}, True),
        ({"fields": {"url": "https://example.org/evil.example"}}, False),
        ({"fields": {"url": "HTTP://U.example/x"}}, True),
        ({"fields": {"from": "x@mail.evil.example"}}, True),
        ({"fields": {"Hashes": f"MD5={MD5.upper()},SHA256={SHA256}"}}, True),
        ({"fields": {"hash": f"{MD5}00"}}, False),
        ({"fields": {"TargetUserName": "mallory"}}, True),
        ({"fields": {"group": "mallory"}}, False),
        ({"fields": None}, False),
        ({"fields": {"time": "10:20:30", "mac": "00:11:22:33:44:55", "n": "1.2", "x": ""}}, False),
    ]
    found = added(worker, *(row for row, _ in rows))
    expected = [{**(row.get("fields") or {}), **({"list": "bad"} if is_hit else {})}
                for row, is_hit in rows]  # fmt: skip
    assert found == expected


def test_several_lists_are_an_array_and_a_line_cannot_mark_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("192.0.2.1\n")
    (tmp_path / "b").write_text("192.0.2.0/24\nmallory\n")
    worker = enricher(tmp_path, "[list b]\nfile=b\n[list a.1]\nfile=a\nsections=auth\n")
    host = {"source_host": "192.0.2.1"}
    assert added(worker, host, {"source_host": "192.0.2.2"}, {**host, "user_name": "mallory"}) == [
        {"list": '["b","a.1"]'},
        {"list": "b"},
        {"list": '["b","a.1"]'},
    ]
    forged = {"fields": {"list": "b", "own.list": "x", "k": "v"}}
    assert added(worker, forged, {**host, **forged}) == [
        {"own.list": "b", "k": "v"},
        {"own.list": "b", "k": "v", "list": '["b","a.1"]'},
    ]
    web = config(tmp_path, "[list b]\nfile=b\n[list a.1]\nfile=a\nsections=auth\n")
    assert [item.name for item in web.enrichment.of_section("web").lists] == ["b"]


def test_columns_say_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("192.0.2.1\n")
    worker = enricher(tmp_path, "[list x]\nfile=l\ncolumns=SourceHost, dest_host, fields.ip\n")
    rows: list[dict[str, Any]] = [
        {"source_host": "192.0.2.1"},
        {"host": "192.0.2.1"},
        {"dest_host": "192.0.2.1"},
        {"fields": {"ip": "192.0.2.1"}},
        {"fields": {"other": "192.0.2.1"}},
    ]
    found = ["list" in fields for fields in added(worker, *rows)]
    # The original's SourceHost is the machine that logged.
    assert found == [False, True, True, True, False]


def test_a_list_for_columns_or_for_fields_alone(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("192.0.2.1\nmallory\n")
    for columns, found in (("fields.a", [True, False]), ("user_name", [False, True])):
        worker = enricher(tmp_path, f"[list x]\nfile=l\ncolumns={columns}\n")
        rows: list[dict[str, Any]] = [{"fields": {"a": "192.0.2.1"}}, {"user_name": "mallory"}]
        assert ["list" in fields for fields in added(worker, *rows)] == found
        assert added(worker, {"host": "x"}) == [{}]


def test_a_list_is_read_again_when_it_changes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "l"
    path.write_text("192.0.2.1\n")
    worker = enricher(tmp_path, "[list x]\nfile=l\nkind=address\n")
    rows = [{"source_host": "192.0.2.1"}, {"source_host": "192.0.2.2"}]

    def marks() -> list[bool]:
        return ["list" in fields for fields in added(worker, *rows)]

    assert marks() == [True, False]
    (tmp_path / "new").write_text("192.0.2.2\n")
    os.replace(tmp_path / "new", path)
    assert marks() == [False, True]
    path.write_text("no address at all\n")
    for _ in range(3):
        assert marks() == [False, True]
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"[list x] file: {path} is no list of this kind" in said
    assert said.endswith("; it is used as it was before\n")
    path.unlink()
    assert marks() == [False, True]
    assert "cannot be read: No such file" in capfd.readouterr().err
    path.write_text("")
    assert marks() == [False, False]
    assert capfd.readouterr().err == ""


def test_large_lists_are_no_problem(tmp_path: Path) -> None:
    count = 50_000
    lines = [
        f"{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}.1" for n in range(1 << 24, (1 << 24) + count)
    ]
    (tmp_path / "ips").write_text("\n".join(lines))
    (tmp_path / "names").write_text("\n".join(f"n{n}.example" for n in range(count)))
    worker = enricher(tmp_path, "[list i]\nfile=ips\n[list n]\nfile=names\n")
    rows: list[dict[str, Any]] = [
        {"source_host": lines[-1]},
        {"dest_host": "www.n77.example"},
        {"host": "x"},
    ]
    assert added(worker, *rows) == [{"list": "i"}, {"list": "n"}, {}]


def test_no_table_of_ours_writes_the_mark() -> None:
    tables = list(load("siemstress.messages", Table))
    patterns = [pattern for table in tables for pattern in table.patterns]
    names = {c.name for pattern in patterns for c in pattern.template().captures}
    names |= {name for pattern in patterns for name in pattern.sets}
    assert "user_name" in names
    assert FIELD not in names
