"""What stands in front of messages, and what is known by it: uptimes, message ids, PAM's name."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from siemstress.formats.header import Header
from siemstress.sources.lines import LOW_BYTES, Ints, Mask

# `[12345.678901] `, also with the caller: `[    0.000000][    T1] `.
_LONGEST_UPTIME = 40
_LONGEST_ID = 60


def skipped(header: Header, is_kernel: Mask) -> Ints | None:
    """How many bytes in front of each message are no part of what the program said; None: none.

    These are the kernel's uptime, and the message ids of Solaris: `[ID 800047 auth.info] `.
    """
    lines, start, length = header.lines, header.message.start, header.message.length
    rows = np.flatnonzero((lines.byte(start) == ord("[")) & (length > 3))
    if not len(rows):
        return None
    at, end = start[rows], start[rows] + length[rows]
    is_id = lines.stands(at, end, b"[ID ")
    most = np.where(is_id, _LONGEST_ID, _LONGEST_UPTIME)
    close = lines.find(at, np.minimum(end, at + most), "] ")
    first, inner = lines.byte(at + 1), lines.find(at, np.minimum(end, at + most), "]")
    is_time = is_kernel[rows] & ((first == ord(" ")) | _is_digit(first))
    is_time &= (inner == close) | (lines.byte(at + np.maximum(inner, 0) + 1) == ord("["))
    dot = lines.find(at, at + np.maximum(inner, 0), ".")
    is_time &= (dot > 0) & (lines.number(at + dot + 1, inner - dot - 1) >= 0)
    result = np.zeros(len(start), np.int64)
    result[rows] = np.where((close > 0) & (is_id | is_time), close + 2, 0)
    return result


def _is_digit(byte: npt.NDArray[np.uint8]) -> Mask:
    digit: Mask = (byte >= ord("0")) & (byte <= ord("9"))
    return digit


def by_pam(header: Header, rows: Ints) -> Ints:
    """Those of some rows whose message is PAM's, whatever program it comes from."""
    start = header.message.start[rows]
    word = header.lines.words[start] & LOW_BYTES[4]
    pam = np.zeros(len(rows), bool)
    for text in (b"pam_", b"(pam", b"PAM "):
        pam |= word == np.uint64(int.from_bytes(text, "little"))
    return rows[pam & (header.message.length[rows] >= 4)]
