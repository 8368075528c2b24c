"""Templates: what a message looks like, with names for the parts that change.

    Failed password for {user_name} from {source_host} port {source_port} ssh2

`{name}` stands for a word: text without a blank, up to where the next literal text begins.
`{name*}` may hold blanks: it is the shortest text up to the next literal, or all the rest at the
end. A name that begins with `_` is not kept. `{{` is a brace. The whole message must fit.

A message can be made to look like another one by whoever chooses the user name in it. Where the
first reading of a template does not fit the whole message, its `regex` reads it once more with
the user name as long as possible, so that what stands last, and was written by the program
itself, counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PART = re.compile(r"\{\{|\{(?P<name>[a-z_][a-z0-9_.]*)(?P<any>\*)?\}")


@dataclass(frozen=True)
class Capture:
    """A part with a name, and the literal text behind it (empty: the message's end)."""

    name: str
    any_text: bool
    behind: str


@dataclass(frozen=True)
class Template:
    """A parsed template: literal text to start with, then captures."""

    starts: str
    captures: tuple[Capture, ...]

    @property
    def regex(self) -> str:
        """The template as a regex (Rust syntax) that gives the user name all it can get."""
        parts = [re.escape(self.starts)]
        for capture in self.captures:
            if capture.name == "user_name":
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
    captures: list[tuple[str, bool]] = []
    end = 0
    for match in _PART.finditer(text):
        literals[-1] += text[end : match.start()]
        end = match.end()
        if match["name"] is None:
            literals[-1] += "{"
            continue
        if captures and not literals[-1]:
            raise ValueError(f"no text between two parts of {text!r}")
        captures.append((match["name"], match["any"] is not None))
        literals.append("")
    literals[-1] += text[end:]
    names = [name for name, _ in captures if not name.startswith("_")]
    if len(names) != len(set(names)):
        raise ValueError(f"a name stands twice in {text!r}")
    return Template(
        literals[0],
        tuple(
            Capture(name, any_text, behind)
            for (name, any_text), behind in zip(captures, literals[1:], strict=True)
        ),
    )
