"""The docs are true: examples run, what is generated is current, everything is documented."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import examples
import write_reference
from parsers import COMMANDS
from siemstress import config, schema
from siemstress.formats.base import formats
from siemstress.formats.own import KEYS
from siemstress.ingest.check_formats import check

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("samples/*.md")])
REFERENCE = ROOT / "docs/reference"


@pytest.mark.parametrize("document", examples.DOCUMENTS, ids=lambda path: path.name)
def test_examples_print_what_the_document_shows(document: Path, tmp_path: Path) -> None:
    text = document.read_text()
    fresh = examples.run_all(text, tmp_path)
    assert examples.normal(fresh) == examples.normal(text), "make docs writes them anew"


@pytest.mark.parametrize("document", examples.DOCUMENTS, ids=lambda path: path.name)
def test_every_shown_command_is_run(document: Path) -> None:
    text = document.read_text()
    shown = re.findall(r"^\$ (.*)", text, re.MULTILINE)
    run = [typed for block in examples.blocks(text) for typed, _ in examples.commands(block)]
    assert len(shown) == len(run) > 0
    elsewhere = re.sub(r"^```console\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join(re.findall(r"^```\w*\n(.*?)^```$", elsewhere, re.MULTILINE | re.DOTALL))
    assert not re.search(r"^siem\w+ ", code, re.MULTILINE), "a command that no test runs"


def test_examples_notice_another_output(tmp_path: Path) -> None:
    text = "```console\n$ echo a b\na c\n```\n"
    assert examples.run_all(text, tmp_path) == "```console\n$ echo a b\na b\n```\n"


def test_generated_files_are_current() -> None:
    stale = [
        str(path.relative_to(ROOT))
        for path, text in write_reference.generated().items()
        if not path.exists() or path.read_text() != text
    ]
    assert not stale, "run make docs"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_is_in_the_reference_and_the_manual(command: str) -> None:
    program = Path(sys.executable).parent / command
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    options = shown.partition("\nexamples:")[0]
    found = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", options))
    assert {"-h", "--help", "-c", "--config"} <= found
    reference = (REFERENCE / "commands.md").read_text()
    section = reference.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    manual = (ROOT / f"man/{command}.1").read_text().replace("\\-", "-")
    for flag in found:
        assert f"`{flag}`" in section
        assert f"\\fB{flag}\\fR" in manual


def test_every_column_is_in_the_reference() -> None:
    reference = (REFERENCE / "columns.md").read_text()
    missing = [name for name in schema.ALL if f"\n| `{name}` | " not in reference]
    assert not missing


def test_every_config_key_and_section_is_in_the_reference() -> None:
    reference = (REFERENCE / "config.md").read_text()
    names = config.MAIN_KEYS | config.SECTION_KEYS | set(config.BUILT_IN)
    missing = [name for name in names if f"\n| `{name}` | " not in reference]
    assert not missing


def test_every_log_format_is_in_the_reference() -> None:
    reference = (REFERENCE / "formats.md").read_text()
    for item in formats(own=False).values():
        for name in (item.name, *item.aliases):
            assert f"`{name}`" in reference


def test_the_formats_in_toml_do_what_their_samples_say(tmp_path: Path) -> None:
    page = (ROOT / "docs/formats.md").read_text()
    blocks = re.findall(r"^```toml\n((?!\[project).*?)^```$", page, re.MULTILINE | re.DOTALL)
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.toml").write_text(block)
    found = check([tmp_path])
    assert found.problems == []
    assert [c for c in found.checked if c.differences or not c.samples] == []
    assert len(found.checked) == len(blocks) == 4
    tables = {"columns": "[columns]", "set": "[set]", "values": "[values.NAME]",
              "where": "[where]", "messages": "[[messages]]", "samples": "[[samples]]"}  # fmt: skip
    table = page.partition("| key | meaning |")[2].partition("\n\n")[0]
    assert [key for key in KEYS if f"`{tables.get(key, key)}`" not in table] == []


def test_the_example_of_a_format_works(tmp_path: Path) -> None:
    """Installed as the page says: a module and its entry points."""
    page = (ROOT / "docs/formats.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (points,) = re.findall(r"^```toml\n(\[project.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (line,) = re.findall(r"^```\n(2026.*?\n)```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "door.py").write_text(source)
    told = tmp_path / "door-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: door\nVersion: 1.0\n")
    listed = re.sub(r'^\[project\.entry-points\."(.*)"\]$', r"[\1]", points, flags=re.MULTILINE)
    (told / "entry_points.txt").write_text(listed.replace('"', ""))
    (tmp_path / "siemstress.conf").write_text("[siemstress]\nlake=lake\n")
    (tmp_path / "door.log").write_text(
        line + "2026-10-14T05:00:00Z|door-1|opened by card 7 of bob\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def siem(command: str, *arguments: str) -> str:
        program = Path(sys.executable).parent / command
        return subprocess.run(
            [program, "-c", tmp_path / "siemstress.conf", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    siem("siemparse", str(tmp_path / "door.log"))
    asked = ("--range", "20261014000000-20261015000000", "-z", "UTC", "--format", "jsonl")
    found = [json.loads(text) for text in siem("siemquery", *asked).splitlines()]
    told_of = [(e["format"], e["host"], e["user_name"], e["outcome"], e["fields"]) for e in found]
    assert told_of == [
        ("door", "door-3", "carol", "failure", {"card": "4711"}),
        ("door", "door-1", "bob", "success", {"card": "7"}),
    ]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), f"{document.name}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{document.name}: {target}"


@pytest.mark.parametrize("document", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.name)
def test_every_page_is_reached_from_the_index(document: Path) -> None:
    index = (ROOT / "docs/index.md").read_text()
    assert document.name == "index.md" or f"]({document.relative_to(ROOT / 'docs')})" in index


@pytest.mark.parametrize("command", COMMANDS)
def test_the_manual_page_renders_without_warnings(command: str) -> None:
    if not shutil.which("man"):
        assert not os.environ.get("CI"), "man is not installed"
        pytest.skip("man is not installed")
    done = subprocess.run(
        ["man", "--warnings", "-l", str(ROOT / f"man/{command}.1")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "PAGER": "cat"},
    )
    assert done.stderr == ""
    assert command in done.stdout
    assert "EXIT STATUS" in done.stdout
