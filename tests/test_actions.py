"""One vocabulary: every table and format says what happened in the same words."""

from __future__ import annotations

import re

import pytest

from siemstress.extensions import load
from siemstress.fields.actions import ACTIONS, CATEGORIES, TYPES, of_category
from siemstress.fields.tables import Table
from siemstress.formats.base import formats

TABLES = list(load("siemstress.messages", Table))


def test_actions_are_explained_in_the_words_of_ecs() -> None:
    assert len({action.meaning for action in ACTIONS.values()}) == len(ACTIONS)
    for name, action in ACTIONS.items():
        assert re.fullmatch("[a-z_]+", name), name
        assert set(action.category) <= set(CATEGORIES), name
        assert set(action.type) <= set(TYPES), name
        assert all((action.category, action.type, action.meaning)), name


def test_tables_use_only_known_actions_and_outcomes() -> None:
    unknown = {
        (table.programs[0], pattern.text, name)
        for table in TABLES
        for pattern in table.patterns
        for name, known in (("action", ACTIONS), ("outcome", ("success", "failure")))
        if pattern.sets.get(name, next(iter(known))) not in known
    }
    assert not unknown


@pytest.mark.parametrize("where", ["tables", "formats"])
def test_samples_use_only_known_actions_and_outcomes(where: str) -> None:
    expected = (
        [(sample.message, sample.expect) for table in TABLES for sample in table.samples]
        if where == "tables"
        else [(s.line, s.expect) for item in formats().values() for s in item.samples]
    )
    assert [
        (text, expect["action"])
        for text, expect in expected
        if expect.get("action") not in (None, *ACTIONS)
        # Documents of others bring their own words along.
        and f'"{expect["action"]}"' not in text
    ] == []
    assert {expect.get("outcome") for _, expect in expected} <= {None, "success", "failure"}


def test_a_category_has_its_actions() -> None:
    assert {"login", "logout", "switch_user"} <= set(of_category("authentication"))
    assert "request" in of_category("web")
    assert of_category("nothing") == ()
