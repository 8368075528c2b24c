"""Fields of rules are found where formats put them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from parsing import parsed
from siemstress.formats.base import formats
from siemstress.rules.sigma.condition import Atom, Text
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.taxonomy import LogSource, place
from siemstress.rules.sigma.values import Batch

SOURCES = {
    "cloudtrail": LogSource(product="aws", service="cloudtrail"),
    "gcpaudit": LogSource(product="gcp", service="gcp.audit"),
    "gworkspace": LogSource(product="gcp", service="google_workspace.admin"),
    "entraid": LogSource(product="azure", service="signinlogs"),
    "office365": LogSource(product="m365", service="exchange"),
    "okta": LogSource(product="okta", service="okta"),
    "github": LogSource(product="github", service="audit"),
    "k8saudit": LogSource(category="application", product="kubernetes", service="audit"),
    "zeekjson": LogSource(product="zeek", service="conn"),
}
# Times and grades are stored in one form, whatever the log's is.
OF_ONE_FORM = {"time", "severity", "facility"}


def values_in(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values of a document's texts and numbers."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values_in(inner, f"{name}.{key}" if name else key)
    elif value and isinstance(value, str | int) and not isinstance(value, bool):
        yield name, str(value)


@pytest.mark.parametrize("name", SOURCES)
def test_values_are_found_by_the_names_that_the_log_has(name: str) -> None:
    lost = []
    for sample in formats(own=False)[name].samples:
        line = str(sample.line)
        events = parsed(line.encode(), name)
        for field, value in values_in(json.loads(line[line.index("{") :])):
            where = place(field, SOURCES[name])
            if OF_ONE_FORM & set(where.split("|")) or field == "ClientIP":
                continue  # An address with a port is stored as two columns.
            evaluator = Evaluator([Atom(where, Text((value.lower(),)))])
            if not list(evaluator.matches(Batch(events, evaluator.fields))):
                lost.append(f"{field}={value}")
    assert lost == []
