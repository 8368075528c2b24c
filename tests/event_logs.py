"""Writes small Windows event logs (.evtx), for tests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

Tree = tuple[str, Mapping[str, str], "str | Sequence[Tree]"]
"""An element of XML: its name, its attributes, and its text or the elements in it."""


class _Xml:
    """An element as binary XML (MS-EVEN6, 2.2.12), at a place in a chunk."""

    def __init__(self, at: int) -> None:
        self._at = at
        self.data = bytearray(b"\x0f\x01\x01\x00")

    def _name(self, name: str) -> bytes:
        """The place of a name that stands right there."""
        text = name.encode("utf-16-le")
        here = self._at + len(self.data) + 4
        return struct.pack("<IIHH", here, 0, 0, len(name)) + text + b"\0\0"

    def _text(self, text: str) -> None:
        self.data += struct.pack("<BBH", 5, 1, len(text)) + text.encode("utf-16-le")

    def element(self, tree: Tree) -> None:
        name, attributes, inner = tree
        self.data += struct.pack("<BI", 0x41 if attributes else 1, 0)
        sized = len(self.data)
        self.data += self._name(name)
        if attributes:
            listed = len(self.data)
            self.data += bytes(4)
            for number, (key, value) in enumerate(attributes.items(), 1):
                self.data.append(6 if number == len(attributes) else 0x46)
                self.data += self._name(key)
                self._text(value)
            self.data[listed : listed + 4] = struct.pack("<I", len(self.data) - listed - 4)
        self.data.append(2)
        if isinstance(inner, str):
            self._text(inner)
        else:
            for child in inner:
                self.element(child)
        self.data.append(4)
        self.data[sized - 4 : sized] = struct.pack("<I", len(self.data) - sized)


def logon(number: int, user: str) -> Tree:
    """An event of a failed logon."""
    system: list[Tree] = [
        ("Provider", {"Name": "Microsoft-Windows-Security-Auditing"}, []),
        ("EventID", {}, "4625"),
        ("Keywords", {}, "0x8010000000000000"),
        ("TimeCreated", {"SystemTime": f"2017-08-23T06:15:{number % 60:02d}Z"}, []),
        ("EventRecordID", {}, str(number)),
        ("Channel", {}, "Security"),
        ("Computer", {}, "dc1"),
    ]
    data: list[Tree] = [
        ("Data", {"Name": "TargetUserName"}, user),
        ("Data", {"Name": "IpAddress"}, "192.0.2.7"),
    ]
    return ("Event", {}, [("System", {}, system), ("EventData", {}, data)])


def chunk(events: Sequence[Tree], first: int) -> bytes:
    """A chunk of 64 kB with some records, which are numbered from `first` on."""
    body = bytearray()
    last = 512
    for number, event in enumerate(events, first):
        last = 512 + len(body)
        xml = _Xml(last + 24)
        xml.element(event)
        xml.data.append(0)
        size = 24 + len(xml.data) + 4
        body += struct.pack("<4sIQQ", b"**\0\0", size, number, 0) + xml.data
        body += struct.pack("<I", size)
    end = first + len(events) - 1
    head = struct.pack(
        "<8sQQQQIIII", b"ElfChnk\0", first, end, first, end, 128, last, 512 + len(body),
        zlib.crc32(body),
    ).ljust(512, b"\0")  # fmt: skip
    return (head + body).ljust(1 << 16, b"\0")


def event_log(*chunks: bytes) -> bytes:
    """A whole log."""
    head = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, len(chunks) - 1, 1, 128, 1, 3, 4096, len(chunks)
    ).ljust(120, b"\0")
    head += struct.pack("<II", 0, zlib.crc32(head))
    return head.ljust(4096, b"\0") + b"".join(chunks)
