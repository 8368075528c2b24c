"""Commands started from a process that has imported what they import, for a third of the time.

A start of a command takes most of a second, which is the import of large libraries, and the tests
start thousands. So one process imports them all and is forked for each: a process of its own as
any other, with its own pid, that tests signal and kill and wait for, by way of `subprocess.Popen`.
What the libraries keep threads for is made when it is first used, not when they are imported.

Other programs are started as ever, and so are commands whose environment could matter to what has
been imported, whose file descriptors or user are special, or whose names are looked for in PATH
(those of the docs' examples and the demo).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import inspect
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
_COMMANDS = {str(BIN / name) for name in ("siemparse", "siemquery", "siemtrigger", "siemmanage")}
# Variables of the environment that are read when Python starts or a library is imported.
_EARLY = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC", "POLARS", "ARROW", "OMP", "OPENBLAS")
_LARGEST = 100_000
_PR_SET_CHILD_SUBREAPER = 36


class Popen(subprocess.Popen[Any]):
    """As `subprocess.Popen`; our commands are forked."""

    def _execute_child(self, *arguments: Any, **named: Any) -> None:
        start = super()._execute_child  # type: ignore[misc] # typeshed leaves it out
        given = inspect.signature(start).bind(*arguments, **named).arguments
        request = _request(given)
        if request is None:
            start(*arguments, **named)
            return
        pipes = [given[end] for end in ("p2cread", "c2pwrite", "errwrite")]
        streams = [n if end == -1 else end for n, end in enumerate(pipes)]
        try:
            self.pid = _Forker.at_hand().fork(request, streams)
            self._child_created = True
        finally:
            ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
            self._close_pipe_fds(*(given[end] for end in ends))  # type: ignore[attr-defined]


def _request(given: Mapping[str, Any]) -> bytes | None:
    """What a fork needs to know; None: it must be a true start."""
    words = given["args"]
    if isinstance(words, str | bytes | os.PathLike):
        words = [words]
    words = [os.fsdecode(word) for word in words]
    environment = os.environ if given["env"] is None else given["env"]
    texts = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
    program = words[0] if given["executable"] is None else ""
    special = ("preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
    if {"-h", "--help", "--version"} & set(words):  # They import little.
        return None
    if program not in _COMMANDS or any(given[name] for name in special) or given["umask"] >= 0:
        return None
    if given["process_group"] != -1 or _early(texts) != _early(os.environ):
        return None
    what = {
        "words": words,
        "folder": os.fsdecode(given["cwd"] or os.getcwd()),
        "environment": texts,
        "session": bool(given["start_new_session"]),
    }
    text = json.dumps(what).encode()
    return text if len(text) < _LARGEST else None


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if k.startswith(_EARLY)}


class _Forker:
    """The process that has imported everything."""

    _one: _Forker | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        # Whose parents have gone are children of this process.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _TRUE(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    @classmethod
    def at_hand(cls) -> _Forker:
        """The one, started when it is first wanted."""
        with cls._lock:
            if cls._one is None:
                cls._one = cls()
            return cls._one

    def fork(self, request: bytes, streams: list[int]) -> int:
        """Start a command whose standard streams are these; its pid."""
        with self._lock:
            socket.send_fds(self._socket, [request], streams)
            return int(self._socket.recv(64))


_TRUE = subprocess.Popen


@contextlib.contextmanager
def starts() -> Iterator[None]:
    """Meanwhile all that `subprocess` starts is started so."""
    subprocess.Popen = Popen  # type: ignore[misc] # it is one
    try:
        yield
    finally:
        subprocess.Popen = _TRUE  # type: ignore[misc]


# In the process that is forked -----------------------------------------------------------------


_MODULES = (
    *("deltalake", "httpx", "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet"),
    *("sqlglot.dialects.duckdb", "sqlglot.dialects.mysql"),
    *("siemstress.ingest.collect", "siemstress.ingest.inputs", "siemstress.notify.worker"),
    *("siemstress.rules.backtest", "siemstress.rules.engine", "siemstress.rules.gather"),
    *("siemstress.rules.sigma.cache", "siemstress.store.lake", "siemstress.store.upkeep"),
    "siemstress.store.mariadb.database",
)


def _import_all() -> None:
    gc.disable()
    for name in _MODULES:
        importlib.import_module(name)
    importlib.import_module("siemstress.formats.base").formats()
    gc.freeze()
    gc.enable()


def _serve(door: socket.socket) -> dict[str, Any] | None:
    """Fork as asked, until nobody asks any more; gives in each fork what it is to do."""
    while True:
        text, streams, _, _ = socket.recv_fds(door, 2 * _LARGEST, 3)
        if not text:
            return None
        read, write = os.pipe()
        between = os.fork()
        if not between:
            between = os.getpid()
            pid = os.fork()
            if pid:
                os.write(write, str(pid).encode())
                os._exit(0)
            while os.getppid() == between:
                time.sleep(0.0002)
            os.close(read)
            os.close(write)
            door.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            request: dict[str, Any] = json.loads(text)
            return request
        # Only from now on the new process is a child of who has asked for it.
        os.waitpid(between, 0)
        door.send(os.read(read, 64))
        for descriptor in (read, write, *streams):
            os.close(descriptor)


def _become(request: dict[str, Any]) -> None:
    """Be a command that has just been started."""
    if request["session"]:
        os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1 if os.isatty(1) else -1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    words = request["words"]
    sys.argv = words
    sys.path[0] = str(BIN)
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as door:
        _import_all()
        todo = _serve(door)
    if todo is not None:
        _become(todo)
