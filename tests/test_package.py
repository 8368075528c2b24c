"""The package as a whole: what is installed, who imports whom, how commands start and end."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import siemstress

SOURCE = Path(siemstress.__file__).parent
COMMANDS = ("siemparse", "siemquery", "siemtrigger", "siemmanage")
HEAVY = ("polars", "duckdb", "deltalake", "sqlglot", "pyarrow", "numpy", "rich", "httpx")

# The way of the data. A module imports from what stands before it, and from its own package.
FLOW = (
    "errors",
    "schema",
    "config",
    "extensions",
    "sources",
    "formats",
    "fields",
    "enrich",
    "store",
    "query",
    "render",
    "rules",
    "notify",
    "ingest",
    "commands",
)


def imported(module: Path) -> Iterator[str]:
    """The parts of siemstress that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            names = [node.module or ""]
            if node.module == "siemstress":
                names = [f"siemstress.{alias.name}" for alias in node.names]
        for name in names:
            first, _, rest = name.partition(".")
            if first == "siemstress" and rest.split(".")[0] in FLOW:
                yield rest.split(".")[0]


@pytest.mark.parametrize("part", FLOW)
def test_imports_run_one_way_along_the_flow(part: str) -> None:
    modules = [SOURCE / f"{part}.py"] if (SOURCE / f"{part}.py").exists() else None
    for module in modules or sorted((SOURCE / part).rglob("*.py")):
        later = {name for name in imported(module) if FLOW.index(name) > FLOW.index(part)}
        assert not later, f"{module.relative_to(SOURCE)} imports from {later}"


def test_every_part_is_in_the_flow() -> None:
    parts = {path.stem for path in SOURCE.iterdir() if not path.name.startswith(("_", "py.typed"))}
    assert parts == set(FLOW)


def test_the_version_is_the_installed_one() -> None:
    assert version("siemstress") == siemstress.__version__


def test_console_scripts() -> None:
    scripts = {e.name for e in entry_points(group="console_scripts") if "siemstress" in e.value}
    assert scripts == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_version_and_help(command: str) -> None:
    program = Path(sys.executable).parent / command
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"{command} {siemstress.__version__}\n"
    shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"usage: {command}")
    assert "examples:" in shown.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    code = (
        f"import sys\nsys.argv = [{command!r}, '--help']\n"
        f"from siemstress.commands.{command} import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_flag_is_one_line_and_status_2(command: str) -> None:
    program = Path(sys.executable).parent / command
    done = subprocess.run([program, "--no-such-flag"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert command in done.stderr
