"""Templates of JSON: whatever is filled in, what comes out is JSON.

A `{name}` within a string is replaced by the value's text; one that stands where a value may stand
is the value itself: a number, a list, an object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\{([A-Za-z_][A-Za-z0-9_.-]*)\}', re.DOTALL)
# Marks a string that stands for a value; no event is in a template.
_BARE = "\0"


def read_template(text: str) -> Any:
    """A template, as `fill` takes it.

    Raises:
        ValueError: it is not JSON; says where.

    """
    if "\\u0000" in text or _BARE in text:
        raise ValueError("must not hold NUL")
    marked = _TOKEN.sub(lambda m: f'"\\u0000{m[1]}"' if m[1] else m[0], text)
    try:
        return json.loads(marked)
    except RecursionError:
        raise ValueError("is nested too deep") from None
    except json.JSONDecodeError as e:
        raise ValueError(f"is no JSON: {e.msg}, line {e.lineno}") from None


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A template with values; names that have none are empty, or null."""
    if isinstance(template, dict):
        return {key: fill(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, values) for value in template]
    if not isinstance(template, str):
        return template
    if template.startswith(_BARE):
        return value_of(template[1:], values)
    return PLACEHOLDER.sub(lambda m: as_text(value_of(m[1], values)), template)


def value_of(name: str, values: Mapping[str, Any]) -> Any:
    """The value of a name; `group.source_host` is one of the group."""
    if name in values:
        return values[name]
    found: Any = values
    for part in name.split(".", 1):
        found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        group = values.get("group")
        found = group.get(name) if isinstance(group, Mapping) else None
    return found


def as_text(value: Any) -> str:
    """A value within a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
