"""Block lists: sets of nftables in a namespace of their own, and files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notifying import message, receiver
from siemstress.notify.builtin.block import address_of, is_own

FILE = "kind=blockfile\npath=blocked\n"


def of(address: str, **columns: str) -> object:
    return message(source_host=address, group_key="{}", **columns)


@pytest.mark.parametrize(
    ("address", "keys", "why"),
    [
        ("203.0.113.9", "", None),
        ("2001:db8::9", "", None),
        ("8.8.8.8", "", None),
        ("::ffff:8.8.8.8", "", None),
        ("8.8.8.8", "never=1.1.1.1, 8.8.0.0/16", "is of 8.8.0.0/16, which is never blocked"),
        ("::ffff:8.8.8.8", "never=8.8.8.8", "never blocked"),
        ("10.1.2.3", "", "is private"),
        ("fd00::1", "", "is private"),
        ("10.1.2.3", "private=yes", None),
        ("127.0.0.1", "private=yes", "no other machine's"),
        ("::1", "private=yes", "no other machine's"),
        ("::ffff:127.0.0.1", "private=yes", "no other machine's"),
        ("0.0.0.0", "private=yes", "no other machine's"),  # noqa: S104 - nothing is bound
        ("224.0.0.1", "private=yes", "no other machine's"),
        ("169.254.1.1", "private=yes", "own link"),
        ("fe80::1", "private=yes", "own link"),
        ("fe80::1%eth0", "private=yes", "is no address"),
        ("evil.example", "", "is no address"),
        ("8.8.8.8 }; flush ruleset", "", "is no address"),
        ("8.8.8.8/0", "", "is no address"),
    ],
)  # fmt: skip
def test_who_is_blocked(address: str, keys: str, why: str | None, tmp_path: Path) -> None:
    notifier = receiver(tmp_path, FILE + keys).make()
    refused = notifier.refused(message(source_host=address, group_key="{}"))
    assert (refused is None) if why is None else (refused is not None and why in refused)


def test_the_address_of_another_column_or_of_the_group() -> None:
    found = message(dest_host="198.51.100.7", group_key='{"fields.peer": "198.51.100.8"}')
    assert str(address_of(found, "dest_host")) == "198.51.100.7"
    assert str(address_of(found, "fields.peer")) == "198.51.100.8"
    assert address_of(found, "message") is None


def test_own_addresses_are_known() -> None:
    import ipaddress

    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address("203.0.113.9"))


def test_a_file_of_addresses_that_expire(tmp_path: Path) -> None:
    path = tmp_path / "blocked"
    path.write_text("198.51.100.1 # until 2020-01-01T00:00:00Z\nrubbish\n")
    notifier = receiver(tmp_path, FILE + "expiry=1d").make()
    some = [message(source_host=a, group_key="{}") for a in ("203.0.113.9", "2001:db8::9")]
    notifier.send([*some, some[0]])
    lines = path.read_text().splitlines()
    assert [line.partition(" # until ")[0] for line in lines] == ["203.0.113.9", "2001:db8::9"]
    before = path.stat().st_mtime_ns
    notifier.tidy()
    assert path.stat().st_mtime_ns == before
    path.write_text(path.read_text().replace("203.0.113.9 # until 20", "203.0.113.9 # until 19"))
    notifier.tidy()
    assert path.read_text().startswith("2001:db8::9 ")


NFT = """
import fcntl, json, socket, struct, subprocess, sys
with socket.socket() as any_:
    # Without its own addresses a network takes all for its own.
    fcntl.ioctl(any_, 0x8914, struct.pack("16sh14x", b"lo", 1))
sys.path[:0] = {path!r}
from pathlib import Path
from notifying import message, receiver
made = receiver(Path(sys.argv[1]), "kind=nftables\\nexpiry=2h\\nnever=198.51.100.0/24").make()
made.test(message())
names = ("203.0.113.9", "2001:db8::9", "198.51.100.7")
some = [message(source_host=name, group_key="{{}}") for name in names]
made.send(some)
nft = lambda *words: subprocess.run(["nft", *words], check=True, stdout=subprocess.PIPE).stdout
place = ("element", "inet", "siemstress", "blocked4")
nft("delete", *place, "{{ 203.0.113.9 }}")
nft("add", *place, "{{ 203.0.113.9 timeout 5s }}")
made.send(some[:1])
print(nft("-j", "list", "ruleset").decode())
"""


def test_sets_of_nftables(tmp_path: Path) -> None:
    """In a network of its own, so that the machine's is left alone."""
    if not (shutil.which("nft") and shutil.which("unshare")):
        assert not os.environ.get("CI"), "nftables is not installed: apt-get install nftables"
        pytest.skip("nftables is not installed")
    inside = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "-r"]
    tried = subprocess.run([*inside, "nft", "list", "ruleset"], check=False, capture_output=True)
    if tried.returncode:
        pytest.skip("nft cannot be used here")
    code = NFT.format(path=[str(Path(__file__).parent), *sys.path])
    command = [*inside, sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sets = {
        item["set"]["name"]: [e["elem"] for e in item["set"].get("elem", ())]
        for item in json.loads(done.stdout)["nftables"]
        if "set" in item
    }
    assert {name: [e["val"] for e in some] for name, some in sets.items()} == {
        "blocked4": ["203.0.113.9"],
        "blocked6": ["2001:db8::9"],
    }
    assert all(e["timeout"] == 7200 for some in sets.values() for e in some)
