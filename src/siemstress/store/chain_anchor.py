"""Anchors: heads of chains, noted for safe keeping elsewhere, signed where there is a key.

An anchor is one line of JSON. Its signature is Ed25519 (RFC 8032), by a key as `openssl genpkey
-algorithm ed25519` makes it, over the line's other members in the order of `SIGNED`, written as
JSON without blanks.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from siemstress.errors import InputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

SIGNED = ("table", "id", "version", "head", "time")
HEAD = re.compile(r"[0-9a-fA-F]{64}\Z")
# A file of anchors, one a minute for years, is smaller.
_LARGEST = 1 << 30


@dataclass(frozen=True)
class Anchor:
    """A head that was noted earlier; None for what is not known of it.

    `identity` is the table's id, `time` when it was noted, in ISO 8601.
    """

    head: bytes
    table: str | None = None
    version: int | None = None
    identity: str | None = None
    time: str | None = None
    signature: bytes | None = None

    def line(self) -> str:
        """The anchor as one line of JSON."""
        members: dict[str, object] = self._members()
        if self.signature is not None:
            members["signature"] = base64.b64encode(self.signature).decode()
        return json.dumps(members)

    def signed_bytes(self) -> bytes:
        """What the signature is made of."""
        return json.dumps(self._members(), separators=(",", ":")).encode()

    def _members(self) -> dict[str, object]:
        values = (self.table, self.identity, self.version, self.head.hex(), self.time)
        return dict(zip(SIGNED, values, strict=True))


def now() -> str:
    """The time in UTC as anchors state it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def read_anchors(text: str) -> list[Anchor]:
    """The anchors that a user names: by a head in hexadecimal, or a file of lines of JSON.

    Raises:
        InputError: there is no such file, or something else is in it.

    """
    if HEAD.match(text):
        return [Anchor(bytes.fromhex(text))]
    path = Path(text)
    lines = _read(path).splitlines()
    found = [_parse(line, path, n) for n, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise InputError("holds no anchor", file=path)
    return found


def _parse(line: bytes, path: Path, number: int) -> Anchor:
    text = line.decode("utf-8", "replace").strip()
    if HEAD.match(text):
        return Anchor(bytes.fromhex(text))
    try:
        members = json.loads(text)
        signature = members.get("signature")
        anchor = Anchor(
            bytes.fromhex(members["head"]),
            members["table"],
            members["version"],
            members["id"],
            members["time"],
            None if signature is None else base64.b64decode(signature, validate=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as e:
        raise InputError(_NO_ANCHOR.format(number), file=path) from e
    texts = (anchor.table, anchor.identity, anchor.time)
    if not all(isinstance(t, str) for t in texts) or type(anchor.version) is not int:
        raise InputError(_NO_ANCHOR.format(number), file=path)
    return anchor


_NO_ANCHOR = "line {} is no anchor, as siemmanage anchor prints it"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else "no such file"
        raise InputError(reason.lower(), file=path) from e
    if len(content) > _LARGEST:
        raise InputError("is too large for what it should be", file=path)
    return content


def private_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file to sign with.

    Raises:
        InputError: there is no such file, or no such key in it.

    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError as e:
        raise InputError("is encrypted: give a key without a password", file=path) from e
    except (ValueError, UnsupportedAlgorithm) as e:
        raise InputError("holds no private key in PEM", file=path) from e
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("is no Ed25519 key: openssl genpkey -algorithm ed25519", file=path)
    return key


def public_key(path: Path) -> Ed25519PublicKey:
    """The key in a PEM file to check signatures with; a private key stands for its public one.

    Raises:
        InputError: there is no such file, or no such key in it.

    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path)
    if b"PRIVATE KEY" in content:
        return private_key(path).public_key()
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise InputError("holds no public key in PEM", file=path) from e
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("is no Ed25519 key: openssl pkey -in KEY -pubout", file=path)
    return key


def wrongly_signed(anchors: Sequence[Anchor], key: Ed25519PublicKey) -> Anchor | None:
    """The first anchor that is not signed by a key; None where all are."""
    from cryptography.exceptions import InvalidSignature

    for anchor in anchors:
        try:
            key.verify(anchor.signature or b"", anchor.signed_bytes())
        except InvalidSignature:
            return anchor
    return None
