"""siemtrigger test: try the samples of rules."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from siemstress.commands.command import say
from siemstress.commands.siemtrigger_actions import Actions
from siemstress.errors import Failure, RuleError

if TYPE_CHECKING:
    from siemstress.ingest.rule_tests import Result
    from siemstress.rules.model import Rule
    from siemstress.rules.samples import Sample
    from siemstress.rules.settings import Settings
    from siemstress.store.base import Store

_EXAMPLES = """\
test
test rules/ --junit report.xml"""
# What XML 1.0 cannot hold, however it is written.
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add_to(actions: Actions) -> None:
    """Add the action."""
    parser = actions.add("test", _test, "Try the samples of rules", _EXAMPLES)
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="rule files or folders (default: all rules)"
    )
    parser.add_argument("--junit", metavar="FILE", help="write a report as JUnit's XML, too")
    parser.add_argument("--rule", action="append", metavar="RULE", help="only rules of this name")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what is right, too")


def _test(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    from siemstress.commands.siemtrigger_history import chosen
    from siemstress.ingest.rule_tests import tried
    from siemstress.render.text import visible
    from siemstress.rules.gather import gather

    if options.files:
        settings = _only(settings, [Path(file) for file in options.files])
    gathered = gather(settings, store, every=True)
    for problem in gathered.problems:
        say(str(problem))
    rules = chosen(gathered.rules, options.rule)
    began = time.monotonic()
    pairs = list(_pairs(rules))
    results = list(tried(pairs))
    failures = [result for result in results if result.wrong]
    for result in results:
        if result.wrong:
            print(visible(f"not ok\t{result.rule.name}\t{result.sample.name}\t{result.wrong}"))
        elif options.verbose:
            print(visible(f"ok\t{result.rule.name}\t{result.sample.name}"))
    if options.junit:
        _write(Path(options.junit), results, time.monotonic() - began)
    with_samples = len({rule.name for rule, _ in pairs})
    say(
        f"siemtrigger: {len(results)} samples of {with_samples} rules, {len(failures)} wrong; "
        f"{len(rules) - with_samples} rules have no samples"
    )
    if gathered.problems:
        return 2
    return 1 if failures else 0


def _only(settings: Settings, paths: Sequence[Path]) -> Settings:
    """The settings with the rules at some paths in place of their own."""
    from dataclasses import replace

    conf: list[Path] = []
    sigma: list[Path] = []
    for path in paths:
        if not path.exists():
            raise RuleError("there is no such file", file=path)
        if path.is_dir():
            conf += sorted(path.glob("*.conf"))
            sigma.append(path)
        else:
            (conf if path.suffix == ".conf" else sigma).append(path)
    return replace(settings, rule_files=tuple(conf), sigma=tuple(sigma))


def _pairs(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Sample]]:
    """The rules with each of their samples.

    Raises:
        RuleError: a sample is not as it must be; says where.

    """
    from siemstress.rules.samples import beside, samples_of
    from siemstress.rules.sigma.reading import Wrong

    said = dict(beside(rule.file for rule in rules))
    for rule in rules:
        given = [(rule.file, rule.samples)] if rule.samples is not None else []
        for path, found in said.items():
            if path.parent == rule.file.parent and path.name.startswith(f"{rule.file.stem}."):
                given += [(path, found[n]) for n in _names(rule) if n in found]
        for path, value in given:
            try:
                yield from ((rule, sample) for sample in samples_of(rule.name, value))
            except Wrong as e:
                raise RuleError(str(e), file=path, section=rule.name) from None


def _names(rule: Rule) -> list[str]:
    return list(dict.fromkeys(filter(None, (rule.name, rule.title, rule.id))))


def _write(path: Path, results: Sequence[Result], seconds: float) -> None:
    suite = ET.Element(
        "testsuite", name="siemtrigger test", tests=str(len(results)),
        failures=str(sum(r.alerts is not None and bool(r.wrong) for r in results)),
        errors=str(sum(r.alerts is None for r in results)), time=f"{seconds:.3f}",
    )  # fmt: skip
    for result in results:
        case = ET.SubElement(
            suite, "testcase", classname=_xml(result.rule.name), name=_xml(result.sample.name),
            file=_xml(str(result.rule.file)), time="0",
        )  # fmt: skip
        if result.wrong:
            kind = "error" if result.alerts is None else "failure"
            ET.SubElement(case, kind, message=_xml(result.wrong))
    try:
        ET.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as e:
        raise Failure(f"{path}: cannot be written: {e.strerror}") from None


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
