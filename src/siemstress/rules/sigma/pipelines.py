"""pySigma's processing pipelines, as YAML, which change rules before they are compiled.

What they read besides are files of values for placeholders (`file_placeholders`), relative to the
pipeline's own. Commands and addresses are asked for values only where the environment allows it
(`PYSIGMA_ALLOW_EXTERNAL_SOURCES=1`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any as Anything

from siemstress.errors import RuleError

if TYPE_CHECKING:
    from sigma.processing.pipeline import ProcessingPipeline

_FILES = "file_placeholders"
_ASKING = frozenset({"http_placeholders", "command_placeholders"})


class Pipelines:
    """Pipelines of some files, read as far as must be known to tell whether one has changed.

    `texts` are all that has been read: of the pipelines, and of the files of values.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        """Read some files.

        Raises:
            RuleError: one cannot be read.

        """
        self.texts: list[tuple[str, bytes]] = []
        self._documents: list[tuple[Path, Anything]] = []
        for file in files:
            text = _text(file)
            self.texts.append((str(file), text))
            document = _document(file, text)
            for item in _items(document):
                if item.get("type") == _FILES and isinstance(item.get("path"), str):
                    path = file.parent / item["path"]
                    item["path"] = str(path)
                    self.texts.append((str(path), _text(path)))
            self._documents.append((file, document))

    def made(self) -> ProcessingPipeline | None:
        """All of them as one, in the order of their priorities; None without any.

        Raises:
            RuleError: one is no pipeline.

        """
        from sigma.exceptions import SigmaError
        from sigma.policy import SigmaPolicy
        from sigma.processing.pipeline import ProcessingPipeline

        made = []
        for file, document in self._documents:
            asks = any(item.get("type") in _ASKING for item in _items(document))
            try:
                policy = SigmaPolicy(allow_external_sources=not asks)
                made.append(ProcessingPipeline.from_dict(document, policy))
            except (
                SigmaError, TypeError, AttributeError, ValueError, LookupError, RecursionError,
            ) as e:  # fmt: skip
                reason = " ".join(str(e).split())[:200] or type(e).__name__
                raise RuleError(f"is no pipeline: {reason}", file=file) from None
        made.sort(key=lambda pipeline: pipeline.priority)
        return sum(made[1:], made[0]) if made else None


def _items(value: Anything, depth: int = 20) -> Iterator[dict[str, Anything]]:
    """All transformations of a pipeline, those within others too."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield value
    for one in inner if depth else ():
        yield from _items(one, depth - 1)


def _document(file: Path, text: bytes) -> dict[str, Anything]:
    import yaml

    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as e:
        reason = " ".join(str(e).split())[:200]
        raise RuleError(f"is no YAML: {reason}", file=file) from None
    if not isinstance(document, dict):
        raise RuleError("is no pipeline: it must be a mapping of keys and values", file=file)
    return document


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) else str(e)
        raise RuleError(f"cannot be read: {reason}", file=path) from None
