"""Addresses of a batch as numbers, and ranges of addresses that they are looked for in."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]
Range = tuple[int, int, int]
"""An address's version, 4 or 6, and the first and the last address as numbers."""

# An address, also of version 4 as of version 6, in brackets, with a zone or a port behind it.
_BYTE = "(?:0|[1-9][0-9]{0,2})"
_V4 = rf"^(?:::ffff:|\[::ffff:)?({_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE})\]?(?::[0-9]{{1,5}})?$"
_V6 = r"^([0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)(?:%[0-9A-Za-z_.-]+)?$"
_V6_PORT = r"^\[([0-9a-fA-F:.]*:[0-9a-fA-F:.]*)(?:%[0-9A-Za-z_.-]+)?\](?::[0-9]{1,5})?$"
# Bytes of an address with all that may be about it: the name of a zone is short.
_LONGEST = 80
_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True)
class Packed:
    """The addresses among texts: their places, and of version 4 numbers, of version 6 bytes."""

    v4_places: Places
    v4: npt.NDArray[np.uint32]
    v6_places: Places
    v6: npt.NDArray[np.bytes_]


def packed(texts: pl.Series) -> Packed:
    """The addresses among texts, which should be different ones."""
    short = (texts.str.len_bytes() <= _LONGEST).arg_true()
    four = texts.gather(short).str.extract(_V4, 1)
    places = short.filter(four.is_not_null())
    four = four.drop_nulls()
    parts = four.str.split_exact(".", 3).struct.unnest()
    parts = parts.select(pl.all().cast(pl.UInt32))
    fits = parts.select(pl.all_horizontal(pl.all() < 256)).to_series()
    a, b, c, d = (parts[name].filter(fits).to_numpy() for name in parts.columns)
    v4 = (a << 24 | b << 16 | c << 8 | d).astype(np.uint32)
    v4_places = places.filter(fits).to_numpy().astype(np.int64)
    return _with_v6(texts, v4_places, v4)


def _with_v6(texts: pl.Series, v4_places: Places, v4: npt.NDArray[np.uint32]) -> Packed:
    colons = texts.str.contains(":", literal=True) & (texts.str.len_bytes() <= _LONGEST)
    maybe = colons.arg_true()
    some = texts.gather(maybe).to_frame("t")
    six = some.select(
        pl.coalesce(pl.col("t").str.extract(_V6, 1), pl.col("t").str.extract(_V6_PORT, 1))
    ).to_series()
    places: list[int] = []
    found: list[bytes] = []
    mapped: list[tuple[int, int]] = []
    known = six.is_not_null()
    for place, text in zip(maybe.filter(known), six.filter(known), strict=True):
        try:
            data = socket.inet_pton(socket.AF_INET6, text)
        except OSError:
            continue
        if data.startswith(_MAPPED):
            if "." not in text:
                mapped.append((place, int.from_bytes(data[12:], "big")))
            continue
        places.append(place)
        found.append(data)
    if mapped:
        v4_places = np.concatenate([v4_places, np.array([p for p, _ in mapped], np.int64)])
        v4 = np.concatenate([v4, np.array([n for _, n in mapped], np.uint32)])
    return Packed(v4_places, v4, np.array(places, np.int64), _bytes(found))


def ranges_of(text: str) -> Iterator[Range]:
    """The ranges that an entry of a list names: an address, `A/BITS` or `A-B`.

    Raises:
        ValueError: it is none of these.

    """
    try:
        # Nearly all are of this kind, and this is ten times as fast.
        number = int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        pass
    else:
        yield 4, number, number
        return
    if "/" in text:
        yield _range(ipaddress.ip_network(text, strict=False))
    elif "-" in text:
        first, last = (ipaddress.ip_address(edge.strip()) for edge in text.split("-", 1))
        # As networks, since these lie either within one another or apart.
        if isinstance(first, ipaddress.IPv4Address) and isinstance(last, ipaddress.IPv4Address):
            yield from map(_range, ipaddress.summarize_address_range(first, last))
            return
        if isinstance(first, ipaddress.IPv4Address) or isinstance(last, ipaddress.IPv4Address):
            raise ValueError("the first and the last address are of two versions")
        yield from map(_range, ipaddress.summarize_address_range(first, last))
    else:
        address = ipaddress.ip_address(text)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        yield address.version, int(address), int(address)


def _range(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> Range:
    return network.version, int(network.network_address), int(network.broadcast_address)


class Ranges:
    """Ranges of addresses, each with a number; of several the smallest counts, or the last."""

    def __init__(self, ranges: Iterable[tuple[Range, int]]) -> None:
        """Ranges lie within one another or apart."""
        four: list[tuple[int, int, int]] = []
        six: list[tuple[int, int, int]] = []
        for (version, first, last), number in ranges:
            (four if version == 4 else six).append((first, last, number))
        starts, ends, numbers = _flat(four)
        self._v4 = np.array(starts, np.uint32), np.array(ends, np.uint32)
        self._v4_numbers = np.array(numbers, np.int64)
        starts, ends, numbers = _flat(six)
        self._v6 = (
            _bytes(n.to_bytes(16, "big") for n in starts),
            _bytes(n.to_bytes(16, "big") for n in ends),
        )
        self._v6_numbers = np.array(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._v4_numbers) + len(self._v6_numbers)

    def look_up(self, addresses: Packed) -> tuple[Places, Numbers]:
        """Places of addresses that lie in a range, and the range's number."""
        four, in_four = _within(*self._v4, addresses.v4)
        six, in_six = _within(*self._v6, addresses.v6)
        places = np.concatenate([addresses.v4_places[four], addresses.v6_places[six]])
        return places, np.concatenate([self._v4_numbers[in_four], self._v6_numbers[in_six]])


def _flat(ranges: list[tuple[int, int, int]]) -> tuple[list[int], list[int], list[int]]:
    """Ranges that lie within one another as ranges that lie apart, in order."""
    flat: list[tuple[int, int, int]] = []
    around: list[tuple[int, int]] = []
    at = 0

    def close(first: int | None) -> None:
        """End those that end in front of `first`; None: all."""
        nonlocal at
        while around and (first is None or around[-1][0] < first):
            last, number = around.pop()
            if at <= last:
                flat.append((at, last, number))
                at = last + 1

    for first, last, number in sorted(ranges, key=lambda r: (r[0], -r[1])):
        close(first)
        if around and at < first:
            flat.append((at, first - 1, around[-1][1]))
        at = first
        around.append((last, number))
    close(None)
    return [f for f, _, _ in flat], [last for _, last, _ in flat], [n for _, _, n in flat]


def _within(
    starts: npt.NDArray[Any], ends: npt.NDArray[Any], values: npt.NDArray[Any]
) -> tuple[Places, Places]:
    """Of values those that lie in a range, and in which."""
    if not len(starts) or not len(values):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    place = np.searchsorted(starts, values, "right") - 1
    inside = np.flatnonzero((place >= 0) & (ends[np.maximum(place, 0)] >= values))
    return inside, place[inside]


def _bytes(addresses: Iterable[bytes]) -> npt.NDArray[np.bytes_]:
    """Addresses of 16 bytes, which numpy compares from the left."""
    return np.frombuffer(b"".join(addresses), "S16")
