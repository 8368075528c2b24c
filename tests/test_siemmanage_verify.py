"""siemmanage verify and anchor, as an operator runs them."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from siemstress.commands.siemmanage import main
from siemstress.store.lake import Lake
from stores import events, put

CONFIG = "[siemstress]\nlake=lake\n[auth]\ntable=Auth\n[web]\ntable=Web\n"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.chdir(tmp_path)
    Path("siemstress.conf").write_text(CONFIG)
    lake = Lake(tmp_path / "lake")
    for n in range(3):
        put(lake, "Auth", events(5, first=5 * n))
    put(lake, "Web", events(5, first=100))
    return lake


def manage(*arguments: str) -> int:
    return main(["-c", "siemstress.conf", *arguments])


def anchors(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert manage("anchor", *flags) == 0
    return capsys.readouterr().out


def tamper(lake: Lake) -> None:
    path = min((lake.folder.path / "Auth").glob("part-*"))
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])


def test_what_is_whole_and_what_is_not(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage("verify") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Auth", "Web"]
    assert "versions 0 to 3, 15 events, 3 files" in lines[0]
    assert said.err == ""
    tamper(lake)
    assert manage("verify") == 1
    said = capsys.readouterr()
    assert said.out.startswith("Web: ")
    (line,) = said.err.splitlines()
    assert line.startswith("siemmanage: Auth: version ")
    assert line.endswith("is not what was stored")
    assert manage("verify", "-s", "web") == 0


def test_an_anchor_for_each_table(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("anchors").write_text(anchors(capsys) + anchors(capsys))
    first = json.loads(Path("anchors").read_text().splitlines()[0])
    assert (first["table"], first["version"], len(first["head"])) == ("Auth", 3, 64)
    put(lake, "Auth", events(1, first=50))
    assert manage("verify", "--anchor", "anchors") == 0
    assert capsys.readouterr().out.count("through 2 anchors") == 2
    assert manage("verify", "-s", "auth", "--anchor", first["head"]) == 0
    assert "through 1 anchor" in capsys.readouterr().out
    assert manage("verify", "-s", "auth", "--anchor", "0" * 64) == 1
    assert "is no head of this table" in capsys.readouterr().err
    lake.drop("Auth")
    assert manage("verify", "--anchor", "anchors") == 1
    assert "Auth: is gone" in capsys.readouterr().err
    put(lake, "Auth", events(1))
    assert manage("verify", "--anchor", "anchors") == 1
    assert "of another table" in capsys.readouterr().err


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def test_signed_anchors(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ours", "others"):
        openssl("genpkey", "-algorithm", "ed25519", "-out", name)
        openssl("pkey", "-in", name, "-pubout", "-out", f"{name}.pub")
    Path("signed").write_text(anchors(capsys, "--key", "ours"))
    assert manage("verify", "--anchor", "signed", "--public-key", "ours.pub") == 0
    assert manage("verify", "--anchor", "signed", "--public-key", "others.pub") == 1
    assert "not signed by this key" in capsys.readouterr().err
    Path("changed").write_text(Path("signed").read_text().replace('"version": 3', '"version": 2'))
    assert manage("verify", "--anchor", "changed", "--public-key", "ours.pub") == 1
    Path("plain").write_text(anchors(capsys))
    assert manage("verify", "--anchor", "plain", "--public-key", "ours.pub") == 1
    tamper(lake)
    assert manage("verify", "--anchor", "signed", "--public-key", "ours.pub") == 1
    # OpenSSL itself says the same of a signature.
    anchor = json.loads(Path("signed").read_text().splitlines()[0])
    Path("signature").write_bytes(base64.b64decode(anchor.pop("signature")))
    Path("members").write_text(json.dumps(anchor, separators=(",", ":")))
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", "ours.pub", "-rawin",
            "-in", "members", "-sigfile", "signature")  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "--anchor", "missing"], "no such file"),
        (["verify", "--anchor", "siemstress.conf"], "line 1 is no anchor"),
        (["verify", "--anchor", "nothing"], "holds no anchor"),
        (["verify", "--anchor", "0" * 64], "--section"),
        (["verify", "--public-key", "rsa.pub"], "--anchor"),
        (["verify", "--anchor", "good", "--public-key", "nothing"], "no public key"),
        (["verify", "--anchor", "good", "--public-key", "rsa.pub"], "no Ed25519 key"),
        (["verify", "-s", "other"], "other"),
        (["anchor", "--key", "nothing"], "no private key"),
        (["anchor", "--key", "rsa"], "no Ed25519 key"),
        (["anchor", "--key", "locked"], "without a password"),
    ],
)
def test_mistakes_are_told_in_a_line(
    lake: Lake, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert lake.tables()
    Path("nothing").write_text("\n")
    Path("good").write_text(anchors(capsys))
    openssl("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "rsa")
    openssl("pkey", "-in", "rsa", "-pubout", "-out", "rsa.pub")
    openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", "locked")
    assert manage(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_an_empty_lake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "siemstress.conf"
    config.write_text(f"[siemstress]\nlake={tmp_path / 'lake'}\n[auth]\ntable=Auth\n")
    assert main(["-c", str(config), "verify", "-s", "auth"]) == 0
    assert capsys.readouterr().out == "Auth: nothing stored\n"
    assert main(["-c", str(config), "verify"]) == 0
    assert capsys.readouterr().out == "nothing stored\n"
    assert main(["-c", str(config), "anchor"]) == 1
    assert "nothing is stored" in capsys.readouterr().err
