"""Templates: what a message looks like, with names for the parts that change.

    Failed password for {user_name} from {source_host} port {source_port} ssh2

`{name}` stands for a word: text without a blank, up to where the next literal text begins.
`{name*}` may hold blanks: it is the shortest text up to the next literal, or all the rest at the
end. A name that begins with `_` is not kept. `{{` is a brace. The whole message must fit.

A message can be made to look like another one by whoever chooses the user name in it. Where the
first reading of a template does not fit the whole message, its `regex` reads it once more with
the user name as long as possible, so that what stands last, and was written by the program
itself, counts. `{name!}` is a word also then: for a name that comes last, and could reach over what
the program wrote before it.

Some parts make a template one that is read by its regex alone, after all others have been tried:

- `{name**}` is the longest text, up to the last literal that follows: for what others choose,
  where something that only the program writes stands behind it.
- `{name#}` is an IP address, `{name+}` a decimal number.
- `{name=one|other}` is one of some texts, `{name=~one|other}` the same in any case.
- `{?...?}` may be missing, with all that stands in it, which may be other such parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

_PART = re.compile(
    r"\{\{|(?P<open>\{\?)|(?P<close>\?\})"
    r"|\{(?P<name>[a-z_][a-z0-9_.]*)(?:(?P<kind>\*\*?|#|\+|!)|=(?P<choice>[^}]*))?\}"
)
_ADDRESS = (
    r"((?:[0-9]{1,3}\.){3}[0-9]{1,3}"
    r"|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]*[0-9A-Fa-f:](?:%[0-9A-Za-z._-]+)?)"
)
_KINDS = {"": "([^ ]*)", "*": "(.*?)", "**": "(.*)", "#": _ADDRESS, "+": "([0-9]+)"}


@dataclass(frozen=True)
class Capture:
    """A part with a name, and the literal text behind it (empty: the message's end).

    `pattern` is its regex where it is one that only a regex reads, `choice` what it may be where
    that is one of some texts.
    """

    name: str
    any_text: bool
    behind: str
    pattern: str = ""
    choice: tuple[str, ...] = ()
    strict: bool = False

    @property
    def greedy(self) -> bool:
        """Whether the second reading gives it all that it can get."""
        return self.name == "user_name" and not self.strict


@dataclass(frozen=True)
class Piece:
    """A piece of a template that is read by its regex alone: literal text or a capture.

    `optional` are the numbers of the parts around it that may be missing, the outermost first.
    """

    text: str
    capture: Capture | None
    optional: tuple[int, ...] = ()


@dataclass(frozen=True)
class Template:
    """A parsed template: literal text to start with, then captures; or `pieces` for a regex."""

    starts: str
    captures: tuple[Capture, ...]
    pieces: tuple[Piece, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Texts of which a message must hold one, in some case; as long as can be."""
        if not self.pieces:
            return (max((self.starts, *(c.behind for c in self.captures)), key=len),)
        known = [
            piece.capture.choice if piece.capture else (piece.text,)
            for piece in self.pieces
            if not piece.optional and (not piece.capture or piece.capture.choice)
        ]
        return max(known, key=lambda texts: min(map(len, texts)), default=("",))

    @property
    def read_again(self) -> bool:
        """Whether the regex is tried where no template fits at first."""
        return bool(self.pieces) or any(c.greedy for c in self.captures)

    @property
    def regex(self) -> str:
        """The template as a regex (Rust syntax).

        It has a group for each capture, and for each literal that may be missing. It gives the
        user name all it can get, or, where the template is for a regex alone, what that says.
        """
        if self.pieces:
            return f"(?s)^{_regex(self.pieces)}$"
        parts = [re.escape(self.starts)]
        for capture in self.captures:
            if capture.greedy:
                kind = "(.*)"
            elif capture.any_text:
                kind = "(.*?)" if capture.behind else "(.*)"
            else:
                kind = "([^ ]*)"
            parts += [kind, re.escape(capture.behind)]
        return f"(?s)^{''.join(parts)}$"


def _regex(pieces: Sequence[Piece]) -> str:
    parts: list[str] = []
    inside: tuple[int, ...] = ()
    for piece in (*pieces, Piece("", None)):
        both = zip(inside, piece.optional, strict=False)
        known = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
        parts += [")?"] * (len(inside) - known) + ["(?:"] * (len(piece.optional) - known)
        inside = piece.optional
        text = piece.capture.pattern if piece.capture else re.escape(piece.text)
        parts.append(f"({text})" if piece.optional and not piece.capture else text)
    return "".join(parts)


def has_stray_brace(text: str) -> bool:
    """Whether there is a brace that begins no part."""
    return "{" in _PART.sub("", text)


def parse(text: str) -> Template:
    """Read a template.

    Raises:
        ValueError: two captures have no text between them, or a name stands twice.

    """
    pieces = list(_pieces(text))
    captures = [piece.capture for piece in pieces if piece.capture is not None]
    names = [c.name for c in captures if not c.name.startswith("_")]
    if len(names) != len(set(names)):
        raise ValueError(f"a name stands twice in {text!r}")
    starts = pieces[0].text if pieces and not pieces[0].optional else ""
    if any(c.pattern not in (_KINDS[""], _KINDS["*"]) for c in captures) or any(
        piece.optional for piece in pieces
    ):
        return Template(starts, tuple(captures), tuple(pieces))
    found = []
    for number, piece in enumerate(pieces):
        if piece.capture is None:
            continue
        behind = pieces[number + 1].text if number + 1 < len(pieces) else ""
        if not behind and number + 1 < len(pieces):
            raise ValueError(f"no text between two parts of {text!r}")
        found.append(replace(piece.capture, behind=behind, pattern=""))
    return Template(starts, tuple(found))


def _pieces(text: str) -> Iterator[Piece]:
    """A template's pieces; of literals that stand together one is made."""
    literal, end, count = "", 0, 0
    optional: tuple[int, ...] = ()
    for match in _PART.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[0] == "{{":
            literal += "{"
            continue
        if literal:
            yield Piece(literal, None, optional)
        literal = ""
        if match["open"]:
            count += 1
            optional = (*optional, count)
        elif match["close"]:
            optional = optional[:-1]
        else:
            yield Piece("", _capture(match), optional)
    if literal + text[end:]:
        yield Piece(literal + text[end:], None, optional)


def _capture(match: re.Match[str]) -> Capture:
    choice, kind = match["choice"], match["kind"] or ""
    if choice is not None:
        texts = tuple(choice.removeprefix("~").split("|"))
        any_case = choice.startswith("~")
        # Of several that fit the longest is meant.
        ordered = sorted(texts, key=len, reverse=True)
        pattern = f"({'(?i:' if any_case else '(?:'}{'|'.join(map(re.escape, ordered))}))"
        return Capture(match["name"], False, "", pattern, texts)
    # Only text that may begin with blanks is trimmed.
    pattern = _KINDS[kind.strip("!")]
    return Capture(match["name"], kind.startswith("*"), "", pattern, strict=kind == "!")
