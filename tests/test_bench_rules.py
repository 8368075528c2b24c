"""The bench of rules: what both ways find is the same."""

from __future__ import annotations

import rule_events
import rules_sqlite
from siemstress.rules.sigma.evaluate import Evaluator
from siemstress.rules.sigma.values import Batch


def test_both_ways_find_the_same_rows() -> None:
    for conditions, frames in (
        (rule_events.process_rules(60), rule_events.process_events(400)),
        (rule_events.mixed_rules(60), rule_events.mixed_events(400)),
    ):
        (frame,) = frames
        evaluator = Evaluator(conditions)
        ours = {n: len(rows) for n, rows in evaluator.matches(Batch(frame, evaluator.fields))}
        _, theirs = rules_sqlite.seconds(frame, evaluator.fields, conditions)
        assert len(theirs) == len(conditions)
        assert {n: count for n, count in theirs.items() if count} == ours
        assert ours
