"""Certificates for tests: authorities, and what they sign, made by the openssl program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def required() -> None:
    """Skip the test where openssl is not installed; fail it where CI is set."""
    if shutil.which("openssl") is None:
        reason = "openssl is not installed: apt-get install openssl"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


class Authority:
    """An authority in a folder of its own; `certificate` is what others verify by."""

    def __init__(self, folder: Path) -> None:
        required()
        folder.mkdir()
        self.folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        what = ["-x509", "-days", "2", "-subj", "/CN=tests"]
        _openssl("req", *what, *_new_key(self._key), "-out", self.certificate)

    def sign(self, name: str, *alternatives: str, days: int = 2) -> tuple[Path, Path]:
        """A certificate and its key; `alternatives` are as in `DNS:db` and `IP:127.0.0.1`."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        _openssl("req", "-subj", f"/CN={name}", *_new_key(key), "-out", request)
        names = f"subjectAltName={','.join(alternatives)}\n" if alternatives else ""
        extensions.write_text(names)
        signer: list[str | Path] = ["-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"]
        made: list[str | Path] = [
            "-days",
            str(days),
            "-extfile",
            extensions,
            "-in",
            request,
            "-out",
            certificate,
        ]
        _openssl("x509", "-req", *signer, *made)
        # The server runs as whoever runs the tests.
        return certificate, key


def _new_key(path: Path) -> list[str | Path]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
