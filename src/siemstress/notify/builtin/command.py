"""A command: any program, given the alert as JSON and in its environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from siemstress.notify.base import Kind, Notifier, NotSent, Options
from siemstress.notify.filling import as_text
from siemstress.notify.message import Message
from siemstress.notify.settings import SECRET_VARIABLE
from siemstress.notify.texts import one_line

PREFIX = "SIEM_"
_LONGEST_VALUE, _KEPT = 8192, 1024


class Command(Notifier):
    """Runs a program for each message, never by a shell: no value is ever part of a command."""

    def __init__(self, options: Options) -> None:
        text = options.needed("command")
        try:
            self._arguments = shlex.split(text)
        except ValueError:
            raise options.keys.mistake("command", "has a quote that does not end") from None
        program = self._arguments[0] if self._arguments else ""
        if shutil.which(program) is None:
            raise options.keys.mistake("command", f"there is no program {program[:100]!r}")
        self._timeout = options.timeout

    def send(self, messages: Sequence[Message]) -> None:
        """Run it once for each; exit status 0 is success."""
        for message in messages:
            self._run(message)

    def _run(self, message: Message) -> None:
        text = json.dumps(message.values, ensure_ascii=False, default=str)
        # A file, not a pipe: a program that does not read holds nobody up.
        with tempfile.TemporaryFile() as stdin:
            stdin.write(text.encode("utf-8", "replace"))
            stdin.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - the operator's own, without a shell
                    self._arguments,
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=environment(message, os.environ),
                    start_new_session=True,
                )
            except OSError as e:
                raise NotSent(f"{self._arguments[0]}: {e.strerror}") from None
            self._wait(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        kept = bytearray()
        reader = threading.Thread(target=_drain, args=(process.stderr, kept), daemon=True)
        reader.start()
        try:
            status = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            # It, and whatever it has started.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise NotSent(f"{self._arguments[0]}: not done within {self._timeout:g} s") from None
        finally:
            reader.join(1)
        if status:
            said = one_line(bytes(kept).decode("utf-8", "replace"), 200)
            raise NotSent(f"{self._arguments[0]}: exit status {status}: {said}")


def environment(message: Message, own: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program: our own without secrets, and the message's values."""
    found = {
        name: value
        for name, value in own.items()
        if not name.startswith((SECRET_VARIABLE, "SIEMSTRESS_PASSWORD"))
    }
    values = {**message.values, "title": message.title}
    group = values.get("group")
    values = {**(group if isinstance(group, dict) else {}), **values}
    for name, value in values.items():
        variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
        text = as_text(value).replace("\0", "").encode("utf-8", "replace")[:_LONGEST_VALUE]
        found[variable] = text.decode("utf-8", "ignore")
    return found


def _drain(stream: IO[bytes], kept: bytearray) -> None:
    """Read all that a program says, and keep the beginning."""
    with stream, contextlib.suppress(OSError, ValueError):
        while chunk := os.read(stream.fileno(), 4096):
            kept += chunk[: _KEPT - len(kept)]


COMMAND = Kind("command", frozenset({"command"}), Command)
