"""A private MariaDB server for measuring, with the server's own defaults.

It has a folder of its own and listens on a socket alone.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT_WITHOUT_PASSWORD = ["--auth-root-authentication-method=normal", "--skip-test-db"]


def missing() -> str | None:
    """What is not installed, if anything."""
    if importlib.util.find_spec("pymysql") is None:
        return "PyMySQL"
    for program in ("mariadb-install-db", "mariadbd"):
        if shutil.which(program, path=path()) is None:
            return f"{program} (apt-get install mariadb-server)"
    return None


def path() -> str:
    """Where programs are, those for root among them."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A MariaDB server while the block runs; its socket."""
    with tempfile.TemporaryDirectory(prefix="siemstress-bench-") as folder:
        data, socket = f"{folder}/data", f"{folder}/socket"
        options = ["--no-defaults", f"--datadir={data}", f"--pid-file={folder}/pid"]
        options += ["--user=root"] if os.geteuid() == 0 else []
        env = {**os.environ, "PATH": path()}
        subprocess.run(
            ["mariadb-install-db", *options, *ROOT_WITHOUT_PASSWORD],
            check=True,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process = subprocess.Popen(
            ["mariadbd", *options, f"--socket={socket}", "--skip-networking"],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            deadline = time.monotonic() + 30
            while not Path(socket).exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("bench: mariadbd does not start")
                time.sleep(0.05)
            yield socket
        finally:
            process.terminate()
            process.wait()
