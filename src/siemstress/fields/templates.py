"""Templates: what a message looks like, with names for the parts that change.

    Failed password for {user_name} from {source_host} port {source_port} ssh2

`{name}` stands for a word: text without a blank, up to where the next literal text begins.
`{name*}` may hold blanks: it is the shortest text up to the next literal, or all the rest at the
end. `{name**}` is the longest text instead, up to the last such literal: for what others choose,
where something that only the program writes stands behind it. A name that begins with `_` is not
kept. `{{` is a brace. The whole message must fit.

A message can be made to look like another one by whoever chooses the user name in it. Where the
first reading of a template does not fit the whole message, its `regex` reads it once more with
the user name as long as possible, so that what stands last, and was written by the program
itself, counts. Templates with a longest part are read by their regex alone, after all others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"\{\{|\{(?P<name>[a-z_][a-z0-9_.]*)(?P<any>\*\*?)?\}")


@dataclass(frozen=True)
class Capture:
    """A part with a name, and the literal text behind it (empty: the message's end)."""

    name: str
    any_text: bool
    behind: str
    longest: bool = False


@dataclass(frozen=True)
class Template:
    """A parsed template: literal text to start with, then captures."""

    starts: str
    captures: tuple[Capture, ...]

    @property
    def by_regex_only(self) -> bool:
        """Whether a part is to be as long as possible."""
        return any(capture.longest for capture in self.captures)

    @property
    def read_again(self) -> bool:
        """Whether the regex is tried where no template fits at first."""
        return any(c.longest or c.name == "user_name" for c in self.captures)

    @property
    def regex(self) -> str:
        """The template as a regex (Rust syntax).

        It gives the user name all it can get, or the longest parts where there are any.
        """
        parts = [re.escape(self.starts)]
        for capture in self.captures:
            if capture.longest or (capture.name == "user_name" and not self.by_regex_only):
                kind = "(.*)"
            elif capture.any_text:
                kind = "(.*?)" if capture.behind else "(.*)"
            else:
                kind = "([^ ]*)"
            parts += [kind, re.escape(capture.behind)]
        return f"(?s)^{''.join(parts)}$"


def parse(text: str) -> Template:
    """Read a template.

    Raises:
        ValueError: two captures have no text between them, or a name stands twice.

    """
    literals = [""]
    captures: list[tuple[str, str]] = []
    end = 0
    for match in _PART.finditer(text):
        literals[-1] += text[end : match.start()]
        end = match.end()
        if match["name"] is None:
            literals[-1] += "{"
            continue
        if captures and not literals[-1]:
            raise ValueError(f"no text between two parts of {text!r}")
        captures.append((match["name"], match["any"] or ""))
        literals.append("")
    literals[-1] += text[end:]
    names = [name for name, _ in captures if not name.startswith("_")]
    if len(names) != len(set(names)):
        raise ValueError(f"a name stands twice in {text!r}")
    return Template(
        literals[0],
        tuple(
            Capture(name, bool(stars), behind, stars == "**")
            for (name, stars), behind in zip(captures, literals[1:], strict=True)
        ),
    )
