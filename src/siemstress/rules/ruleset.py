"""What the store keeps of rules beside their files: which are off, and Sigma rules added to it.

Rules that are off are chosen by words: a name, title, id or a pattern of these, or `level:`,
`tag:`, `product:`, `category:`, `service:`, `status:` or `file:` with a value or pattern. The last
word that means a rule counts.
"""

from __future__ import annotations

import base64
import fnmatch
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from siemstress.errors import QueryError, StoreError

if TYPE_CHECKING:
    from siemstress.rules.model import Rule
    from siemstress.rules.sigma.rule import Correlation, Sigma
    from siemstress.store.base import Store

STATE = "rules_state"
SIGMA = "rules_sigma"
PLACE = "the store"
"""In front of the names of files that the store keeps."""


@dataclass(frozen=True)
class Named:
    """What a rule is chosen by. `file` is where it stands."""

    name: str
    title: str = ""
    id: str = ""
    level: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()
    product: str = ""
    category: str = ""
    service: str = ""
    file: str = ""


_KINDS: Mapping[str, Callable[[Named], Iterable[str]]] = {
    "level": lambda rule: (rule.level,),
    "tag": lambda rule: (*rule.tags, *(tag.removeprefix("attack.") for tag in rule.tags)),
    "product": lambda rule: (rule.product,),
    "category": lambda rule: (rule.category,),
    "service": lambda rule: (rule.service,),
    "status": lambda rule: (rule.status,),
    "file": lambda rule: (rule.file, rule.file.rpartition("/")[2]),
}


def meant(word: str, rule: Named) -> bool:
    """Whether a word means a rule."""
    word = word.strip().lower()
    kind, _, value = word.partition(":")
    if kind in _KINDS and value:
        return any(_like(text, value.strip()) for text in _KINDS[kind](rule))
    return any(_like(text, word) for text in (rule.name, rule.title, rule.id))


def check_word(word: str) -> None:
    """See that a word can mean rules.

    Raises:
        QueryError: it is empty.

    """
    if not word.strip() or word.strip().lower().removesuffix(":") in _KINDS:
        kinds = " ".join(f"{kind}:" for kind in _KINDS)
        raise QueryError(
            f"{word!r} means no rule; say a name, an id, or one of {kinds} with a value"
        )


def _like(text: str, pattern: str) -> bool:
    text = text.lower()
    return bool(text) and (text == pattern or fnmatch.fnmatchcase(text, pattern))


@dataclass
class State:
    """The words by which rules were put on and off, the first said first."""

    words: list[tuple[str, bool]] = field(default_factory=list)

    @classmethod
    def load(cls, store: Store) -> State:
        """What a store keeps.

        Raises:
            StoreError: it cannot be read, or is not as it was written.

        """
        text = store.load_text(STATE)
        if text is None:
            return cls()
        try:
            return cls([(str(one["rules"]), bool(one["on"])) for one in json.loads(text)])
        except (ValueError, TypeError, LookupError, RecursionError):
            raise StoreError(f"what the store says of rules ({STATE}) cannot be read") from None

    def save(self, store: Store) -> None:
        """Keep this in a store, in place of what it has."""
        said = [{"rules": word, "on": on} for word, on in self.words]
        store.save_text(STATE, json.dumps(said, indent=2) + "\n")

    def say(self, word: str, *, on: bool) -> None:
        """Put the rules on or off that a word means."""
        self.words = [one for one in self.words if one[0].lower() != word.lower()]
        self.words.append((word, on))

    def disabled(self, rule: Named) -> bool:
        """Whether a rule is off."""
        for word, on in reversed(self.words):
            if meant(word, rule):
                return not on
        return False


def named(rule: Rule, of: Sigma | Correlation | None) -> Named:
    """What a rule is chosen by; `of` is what was loaded of it, if it is one of Sigma's."""
    if of is None:
        return Named(rule.name, rule.title, rule.id, rule.level, "", rule.tags, file=str(rule.file))
    return named_of(of, rule.name)


def named_of(rule: Sigma | Correlation, name: str = "") -> Named:
    """What a rule of Sigma's is chosen by."""
    from siemstress.rules.sigma.rule import Sigma

    about = rule.about
    source = rule.source if isinstance(rule, Sigma) else rule.among and rule.among.source
    parts = (source.product, source.category, source.service) if source else ("", "", "")
    return Named(
        name or about.title, about.name or about.title, about.id, about.level, about.status,
        about.tags, *parts, about.file,
    )  # fmt: skip


# Sigma rules that the store keeps --------------------------------------------------------------


def stored(store: Store) -> dict[str, bytes]:
    """Names and contents of the Sigma files that a store keeps.

    Raises:
        StoreError: they cannot be read, or are not as they were written.

    """
    text = store.load_text(SIGMA)
    if text is None:
        return {}
    try:
        plain = json.loads(zlib.decompress(base64.b64decode(text)))
        return {name: base64.b64decode(content) for name, content in plain.items()}
    except (ValueError, zlib.error, AttributeError, TypeError, RecursionError):
        raise StoreError(f"the rules that the store keeps ({SIGMA}) cannot be read") from None


def stored_sigma(store: Store) -> Sequence[tuple[str, bytes]]:
    """The same with names as messages and lists show them."""
    return [(shown(name), content) for name, content in sorted(stored(store).items())]


def keep(store: Store, files: Mapping[str, bytes]) -> None:
    """Keep these Sigma files in a store, in place of all that it has."""
    plain = {name: base64.b64encode(content).decode() for name, content in files.items()}
    packed = zlib.compress(json.dumps(plain, sort_keys=True).encode(), 6)
    store.save_text(SIGMA, base64.b64encode(packed).decode())


def shown(name: str) -> str:
    """The name of a file that the store keeps, as messages and lists show it."""
    return f"{PLACE}:{name}"
