"""What becomes of packets that a firewall logs, by the prefix that its rules give the log line."""

from __future__ import annotations

import polars as pl

from siemstress.sources.lines import Ints, Lines, Mask

_DENIED = r"(?i)drop|reject|block|den(?:y|ied)|discard|-[DR]\]"
_ALLOWED = r"(?i)accept|allow|permit|-acc-|-A\]"


def decided(lines: Lines, start: Ints, length: Ints) -> tuple[Mask, Mask]:
    """Which packets were denied, and which were allowed, as some prefixes say."""
    text = pl.DataFrame({"prefix": lines.text(start, length)})
    denied = pl.col("prefix").str.contains(_DENIED)
    allowed = pl.col("prefix").str.contains(_ALLOWED) & ~denied
    found = text.select(denied=denied, allowed=allowed)
    return found["denied"].to_numpy(), found["allowed"].to_numpy()
