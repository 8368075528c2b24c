"""Run the examples of a document: fenced `console` blocks whose lines `$ …` are commands.

All blocks of a document share one sandbox: a folder with a copy of `samples`, an empty home and an
empty lake. A test compares what comes out with what the document shows; `make docs` writes it in.

A document with `sql` blocks is about MariaDB: they are run by root on a private server before all
else, and the config is the first `ini` block of the document.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    ROOT / "README.md",
    *(
        ROOT / f"docs/{name}.md"
        for name in (
            "tour",
            "sigma",
            "alerts",
            "notify",
            "mariadb",
            "retention",
            "reparse",
            "tampering",
        )
    ),
)
SOCKET = "/run/mysqld/mysqld.sock"
"""What stands for the server's socket in a document."""

_BLOCK = re.compile(r"(^```console\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)
_SQL = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INI = re.compile(r"^```ini\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is another at every run: ids, how long it took, sizes on disk, what files are known by.
_VARYING = (
    (re.compile(r"progress +(\w+):.*"), r"progress \1"),
    (re.compile(r"(?<=last received )[ \d:-]+"), " <now> "),
    (re.compile(r"\b\d{16,19}\b"), "<id>"),
    (re.compile(r"^  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \w+: ", re.MULTILINE), "  <now>  <who>: "),
    (re.compile(r"\b[\d.,]+ (?:s|ms|lines/s|MB/s|kB|MB)\b"), "<measure>"),
)


def run_all(document: str, sandbox: Path) -> str:
    """The document with the output of every example as it comes out in the sandbox."""
    environment = prepare(sandbox)
    with server(document, sandbox):
        return _run_all(document, sandbox, environment)


def _run_all(document: str, sandbox: Path, environment: dict[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        shown = match[2]
        fresh = "".join(
            f"{typed}\n{run(command, sandbox, environment)}" for typed, command in commands(shown)
        )
        # What only varies stays as it is, so that documents do not change for nothing.
        return match[1] + (shown if same(shown, fresh) else fresh) + match[3]

    return _BLOCK.sub(replace, document)


def statements(document: str) -> list[str]:
    """The SQL of a document's `sql` blocks, for the server's root."""
    texts = [text for block in _SQL.findall(document) for text in block.split(";\n")]
    return [text.strip() for text in texts if text.strip()]


@contextlib.contextmanager
def server(document: str, sandbox: Path) -> Iterator[None]:
    """A MariaDB server while a document's examples run, if it is about one."""
    wanted = statements(document)
    if not wanted:
        yield
        return
    # From the folder of the tests, which `make docs` has in its path too.
    from mariadb_server import QUICK, PrivateServer

    folder = sandbox / "mariadb"
    folder.mkdir()
    private = PrivateServer(folder, QUICK)
    try:
        private.execute(*wanted)
        conf = sandbox / ".config/siemstress/siemstress.conf"
        conf.write_text(_INI.findall(document)[0].replace(SOCKET, str(private.socket)))
        conf.chmod(0o600)
        (sandbox / ".my.cnf").write_text(f"[client]\nsocket={private.socket}\nuser=root\n")
        yield
    finally:
        private.kill()


def blocks(document: str) -> list[str]:
    """What stands in a document's `console` blocks."""
    return [match[2] for match in _BLOCK.finditer(document)]


def commands(block: str) -> Iterator[tuple[str, str]]:
    """The commands of a block: the lines as typed, and the command.

    As in a shell, a command goes on behind a `\\`, and up to the word of a here-document.
    """
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            typed = line
            here = re.search(r"<<'(\w+)'$", typed)
            while typed.endswith("\\") or (here and not typed.endswith(f"\n{here[1]}")):
                typed += "\n" + next(lines)
            yield typed, typed[2:]


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What a command prints, both outputs in one, each line ended and without trailing blanks.

    Raises:
        RuntimeError: it fails.

    """
    done = subprocess.run(  # noqa: S603 - the project's own documents
        ["/bin/bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        raise RuntimeError(f"$ {command}\n{done.stdout}exit status {done.returncode}")
    text = done.stdout.replace(str(folder) + "/", "")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def prepare(sandbox: Path) -> dict[str, str]:
    """Fill an empty folder with what examples need; the environment to run them in.

    Raises:
        RuntimeError: a config in /etc would be used instead of the sandbox's.

    """
    if any(Path("/etc").glob("siemstress*")):
        raise RuntimeError("/etc has a siemstress config, which examples must not touch")
    shutil.copytree(ROOT / "samples", sandbox / "samples")
    settings = sandbox / ".config/siemstress"
    settings.mkdir(parents=True)
    (settings / "siemstress.conf").write_text(f"[siemstress]\nlake={sandbox}/lake\n")
    return {
        "HOME": str(sandbox),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "XDG_CONFIG_HOME": str(sandbox / ".config"),
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
    }


def same(one: str, other: str) -> bool:
    """Whether two outputs differ only in what is another at every run."""
    return normal(one) == normal(other)


def normal(text: str) -> str:
    """An output with what varies replaced, and runs of blanks as one."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return re.sub(r" +", " ", text)
