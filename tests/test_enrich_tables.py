"""Places and owners of addresses: files in MaxMind's format, and the table of assets."""

from __future__ import annotations

import builtins
import os
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]  # it ships none

from enriching import added, enricher
from siemstress.errors import ConfigError

CITY = {
    "continent": {"code": "EU"},
    "country": {"iso_code": "CH", "names": {"en": "Switzerland", "de": "Schweiz"}},
    "subdivisions": [{"iso_code": "ZH", "names": {"en": "Zurich"}}],
    "city": {"names": {"en": "Winterthur"}},
    "postal": {"code": "8400"},
    "location": {"latitude": 47.5, "longitude": 8.75, "time_zone": "Europe/Zurich"},
}
ORGANIZATION = {
    "autonomous_system_number": 64500,
    "autonomous_system_organization": "Example Net",
}
USUAL = {"source.geo.country_iso_code": "CH", "source.geo.city_name": "Winterthur"}
SYSTEM = {"source.as.number": "64500", "source.as.organization.name": "Example Net"}


def database(path: Path, networks: dict[str, Any], version: int = 6) -> Path:
    writer = MMDBWriter(version, "Test", ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    fresh = path.with_suffix(".new")
    writer.to_db_file(str(fresh))
    os.replace(fresh, path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    database(tmp_path / "city.mmdb", {"192.0.2.0/24": CITY, "2001:db8::/32": CITY})
    database(tmp_path / "asn.mmdb", {"192.0.2.0/25": ORGANIZATION}, version=4)
    return tmp_path


def test_places_and_systems(folder: Path) -> None:
    worker = enricher(folder, "[geoip]\ndatabase=city.mmdb\nasn=asn.mmdb\n")
    rows: list[dict[str, Any]] = [
        {"source_host": "192.0.2.1", "fields": {"k": "v"}},
        {"source_host": "192.0.2.200", "dest_host": "2001:db8::1"},
        {"source_host": "203.0.113.1", "dest_host": "web1"},
        {"source_host": "999.1.1.1", "dest_host": ":::"},
        {"fields": {"k": "v"}},
    ]
    destination = {name.replace("source", "destination"): v for name, v in USUAL.items()}
    for _ in range(2):
        assert added(worker, *rows) == [
            {"k": "v", **USUAL, **SYSTEM},
            {**USUAL, **destination},
            {},
            {},
            {"k": "v"},
        ]


def test_every_field(folder: Path) -> None:
    names = "continent_code,country_name,region_iso_code,region_name,postal_code,timezone,location"
    worker = enricher(folder, f"[geoip]\ndatabase=city.mmdb\nfields={names}\n")
    (found,) = added(worker, {"dest_host": "192.0.2.1"})
    assert found == {
        "destination.geo.continent_code": "EU",
        "destination.geo.country_name": "Switzerland",
        "destination.geo.region_iso_code": "CH-ZH",
        "destination.geo.region_name": "Zurich",
        "destination.geo.postal_code": "8400",
        "destination.geo.timezone": "Europe/Zurich",
        "destination.geo.location": "47.5,8.75",
    }


def test_records_of_other_shapes(tmp_path: Path) -> None:
    odd: dict[str, Any] = {
        "192.0.2.1/32": {"country": "CH", "city": "Bern", "asn": "AS64501", "as_name": "B"},
        "192.0.2.2/32": {"country": {"names": ["x"]}, "city": {"names": {"de": "Bern"}}},
        "192.0.2.3/32": {"country": {"iso_code": 7}, "city": [], "subdivisions": [1]},
    }
    database(tmp_path / "x.mmdb", odd)
    worker = enricher(tmp_path, "[geoip]\ndatabase=x.mmdb\nasn=x.mmdb\n")
    assert added(worker, *({"source_host": f"192.0.2.{n}"} for n in (1, 2, 3))) == [
        {
            "source.geo.country_iso_code": "CH",
            "source.geo.city_name": "Bern",
            "source.as.number": "64501",
            "source.as.organization.name": "B",
        },
        {},
        {},
    ]


def test_a_line_keeps_its_own_place_where_none_is_known(folder: Path) -> None:
    worker = enricher(folder, "[geoip]\ndatabase=city.mmdb\n")
    own = {"source.geo.city_name": "Own"}
    rows = [{"source_host": "192.0.2.1", "fields": own}, {"source_host": "::1", "fields": own}]
    assert added(worker, *rows) == [USUAL, own]


@pytest.mark.parametrize("data", [b"", b"x" * 5000, None])
def test_a_database_that_is_none(
    data: bytes | None, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = enricher(folder, "[geoip]\nasn=asn.mmdb\n")
    row = {"source_host": "192.0.2.1"}
    assert added(worker, row) == [SYSTEM]
    path = folder / "asn.mmdb"
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"\[geoip\] asn: .*/asn.mmdb (is no database|cannot be)"):
        enricher(folder, "[geoip]\nasn=asn.mmdb\n")
    # What is under way goes on with what there was.
    assert added(worker, row) == [SYSTEM]
    assert "asn.mmdb" in capfd.readouterr().err
    database(path, {"192.0.2.0/24": {"autonomous_system_number": 64502}})
    assert added(worker, row) == [{"source.as.number": "64502"}]
    assert capfd.readouterr().err == ""


def test_a_broken_record_is_told_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = folder / "city.mmdb"
    data = path.read_bytes()
    start = data.index(b"Switzerland") - 60
    path.write_bytes(data[:start] + b"\xff" * 90 + data[start + 90 :])
    worker = enricher(folder, "[geoip]\ndatabase=city.mmdb\n")
    for n in range(3):
        found = added(worker, {"source_host": f"192.0.2.{n}", "fields": {"k": "v"}})
        assert found == [{"k": "v"}]
    assert capfd.readouterr().err.count("city.mmdb is broken") == 1


def test_without_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "maxminddb":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match=r"\[geoip\] database: needs maxminddb: pip install"):
        enricher(folder, "[geoip]\ndatabase=city.mmdb\n")


# --- assets


def test_assets_by_name_address_and_network(tmp_path: Path) -> None:
    (tmp_path / "assets.csv").write_text(
        "# of the inventory\nhost,owner,Main role\nweb1.example.org,Ops,web\n192.0.2.7,Eve,\n"
        '192.0.2.0/24,"Net, work",guest\nWEB2,Dev,web\n2001:db8::/64,Six,six\nshort\n'
    )
    worker = enricher(tmp_path, "[assets]\nfile=assets.csv\n")
    rows: list[dict[str, Any]] = [
        {"host": "WEB1.example.org.", "source_host": "192.0.2.7", "dest_host": "192.0.2.8"},
        {"host": "web2", "source_host": "2001:DB8::9"},
        {"host": "web1", "source_host": "web1.example.org.evil.example", "dest_host": "short"},
        {"host": None, "fields": {"k": "v"}},
    ]
    assert added(worker, *rows) == [
        {
            "asset.owner": "Ops",
            "asset.Main_role": "web",
            "source.asset.owner": "Eve",
            "destination.asset.owner": "Net, work",
            "destination.asset.Main_role": "guest",
        },
        {
            "asset.owner": "Dev",
            "asset.Main_role": "web",
            "source.asset.owner": "Six",
            "source.asset.Main_role": "six",
        },
        {},
        {"k": "v"},
    ]


def test_a_table_with_names_and_addresses_tells_each_by_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("owner;address;host\nOps;192.0.2.1;web1\n")
    worker = enricher(tmp_path, "[assets]\nfile=a.csv\n")
    (found,) = added(worker, {"source_host": "192.0.2.1"})
    assert found == {
        "source.asset.owner": "Ops",
        "source.asset.address": "192.0.2.1",
        "source.asset.host": "web1",
    }


@pytest.mark.parametrize(
    "text", ["", "host\nweb1\n", "host,host,x\n", "host,a'b\n", 'host,x\n"a', "host,\n"]
)
def test_a_table_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"\[assets\] file: .*/a.csv "):
        enricher(tmp_path, "[assets]\nfile=a.csv\n")
