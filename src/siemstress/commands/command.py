"""What all commands share: options, errors, signals, talk."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from siemstress import __version__
from siemstress.errors import SiemstressError, UserError


class Parser(argparse.ArgumentParser):
    """An argument parser with the options of every command, whose mistakes are one line."""

    def __init__(self, prog: str, description: str, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--version", action="version", version=f"{prog} {__version__}")
        self.add_argument("-c", "--config", metavar="FILE", help="config file")
        self.add_argument("--debug", action="store_true", help="show tracebacks of errors")

    def error(self, message: str) -> NoReturn:
        """Exit with status 2 and one line."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def say(text: str) -> None:
    """Tell the user something, on standard error, with control characters made visible."""
    from siemstress.render.text import visible

    with contextlib.suppress(OSError):
        print(visible(text), file=sys.stderr)


class Terminated(BaseException):
    """SIGTERM arrived; raised in the main thread so that `finally` blocks run."""


def _terminate(_number: int, _frame: object) -> NoReturn:
    raise Terminated


def _send_again(ignored: sys.UnraisableHookArgs) -> None:
    """Send a signal anew whose exception Python had to ignore: it came inside a `__del__`."""
    number = {Terminated: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}.get(ignored.exc_type)
    main = threading.main_thread().ident
    if number is None or main is None:
        sys.__unraisablehook__(ignored)
        return
    timer = threading.Timer(0.02, signal.pthread_kill, (main, number))
    timer.daemon = True
    timer.start()


def run(prog: str, main: Callable[[list[str]], int], arguments: list[str] | None = None) -> int:
    """Run a command's main and turn every way of ending into an exit status.

    A user's mistake gives 2, a failure 1, SIGINT 130, SIGTERM 143, a closed pipe 141. With
    --debug among the arguments the traceback is shown as well.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    _open_streams()
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _send_again
    try:
        return _status(prog, main, arguments)
    finally:
        # What cannot be written has been told of: keep the interpreter from trying again.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                with contextlib.suppress(OSError, ValueError):
                    _to_null(stream.fileno())


def _status(prog: str, main: Callable[[list[str]], int], arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        status = _ended(main, arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        return 141
    except KeyboardInterrupt:
        return 130
    except Terminated:
        return 143
    except SiemstressError as e:
        if debug:
            traceback.print_exc()
        say(f"{prog}: {e}")
        return e.exit_status
    except (OSError, MemoryError, RecursionError) as e:
        if debug:
            traceback.print_exc()
        say(f"{prog}: {' '.join(str(e).split()) or type(e).__name__}")
        return 1


def _ended(main: Callable[[list[str]], int], arguments: list[str]) -> int:
    """The status of a main; of one that ends as argument parsers do, once its output is out."""
    try:
        return main(arguments)
    except SystemExit:
        sys.stdout.flush()
        raise


def _open_streams() -> None:
    """Put the null device where a standard stream was closed, before a file comes to be there.

    `sys.stdin` stays None then: there is nothing to read.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _to_null(number)
            if number:
                setattr(sys, name, os.fdopen(number, "w", closefd=False))


def _to_null(number: int) -> None:
    """Put the null device in the place of a file descriptor."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


__all__ = ["Parser", "Terminated", "UserError", "run", "say"]
