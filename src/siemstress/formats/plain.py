"""Regular expressions whose classes mean ASCII alone, which makes them many times as fast."""

from __future__ import annotations

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": " \\t"}


def ascii_only(regex: str) -> str:
    r"""An expression with `\d`, `\w` and `\s` spelled out; negated ones must not be in it."""
    out: list[str] = []
    inside = False
    at = 0
    while at < len(regex):
        sign = regex[at]
        if sign == "\\":
            known = _CLASSES.get(regex[at + 1])
            if known is None:
                out.append(regex[at : at + 2])
            else:
                out.append(known if inside else f"[{known}]")
            at += 2
            continue
        if sign == "[" and not inside:
            inside = True
        elif sign == "]" and inside:
            inside = False
        out.append(sign)
        at += 1
    return "".join(out)
