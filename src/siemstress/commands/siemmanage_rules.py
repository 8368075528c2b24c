"""siemmanage rules: which rules there are, which are on, which can fire; Sigma rules are added."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siemstress.commands.command import say
from siemstress.commands.siemmanage_tables import print_table
from siemstress.config import Config
from siemstress.errors import QueryError, SiemstressError
from siemstress.render.text import visible
from siemstress.store.base import Store

if TYPE_CHECKING:
    from siemstress.rules.gather import Gathered, Known
    from siemstress.rules.settings import Settings

EXAMPLE = "rules list level:high"
_WORDS = (
    "a name, id or pattern, or one of level: tag: product: category: service: status: file: "
    "with a value or pattern"
)
_LEVELS = ("critical", "high", "medium", "low", "informational")
_LONGEST = 15
"""So many lines a list in `rules show` has at most."""
Act = Callable[["Settings", Store, argparse.Namespace], int]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The actions of `siemmanage rules`."""
    parser.set_defaults(rules_action=show, words=[], json=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    def action(name: str, act: Act, meaning: str, example: str) -> argparse.ArgumentParser:
        child = actions.add_parser(
            name,
            help=meaning,
            description=f"{meaning}.",
            examples=f"  siemmanage rules {example}",
        )
        for inherited in child._actions:
            if inherited.dest in ("config", "debug"):
                inherited.default = argparse.SUPPRESS  # Else it undoes what stood before ACTION.
        child.set_defaults(rules_action=act)
        return child

    shown = action("show", show, "Count the rules, or show some whole", "show 'Logs deleted*'")
    shown.add_argument("words", nargs="*", metavar="RULE", help=_WORDS)
    shown.add_argument("--json", action="store_true", help="print JSON")
    listed = action("list", list_rules, "List the rules", "list level:high --disabled")
    listed.add_argument("words", nargs="*", metavar="RULE", help=f"only these: {_WORDS}")
    listed.add_argument("--json", action="store_true", help="print an array of JSON objects")
    listed.add_argument("--tsv", action="store_true", help="print values with tabs between them")
    listed.add_argument("--disabled", action="store_true", help="only those that are disabled")
    added = action("add", add, "Keep Sigma rules in the store", "add sigma.zip rules/linux")
    added.add_argument("paths", nargs="+", metavar="PATH", help="files, folders, .zip archives")
    removed = action("remove", remove, "Remove rules that the store keeps", "remove 'file:*.yml'")
    removed.add_argument("words", nargs="+", metavar="RULE", help=_WORDS)
    for name, on in (("enable", True), ("disable", False)):
        put = action(name, switch, f"{name.capitalize()} rules", f"{name} level:low")
        put.add_argument("words", nargs="+", metavar="RULE", help=_WORDS)
        put.set_defaults(on=on)


def rules(config: Config, store: Store, options: argparse.Namespace) -> int:
    """Run an action of `siemmanage rules`, on the store that siemtrigger.conf names."""
    from siemstress.rules.ruleset import check_word

    for word in options.words:
        check_word(word)
    act: Act = options.rules_action
    with _settings_of(config, store, options) as (settings, meant):
        return act(settings, meant, options)


def tell_problems(config: Config, store: Store, options: argparse.Namespace) -> None:
    """Say how many rules cannot be used, if any."""
    from siemstress.rules.gather import gather

    try:
        with _settings_of(config, store, options) as (settings, meant):
            wrong = len(gather(settings, meant).problems)
    except SiemstressError as e:
        say(f"siemmanage: rules: {e}")
        return
    if wrong:
        say(f"siemmanage: {told(wrong)}")


@contextmanager
def _settings_of(
    config: Config, store: Store, options: argparse.Namespace
) -> Iterator[tuple[Settings, Store]]:
    """The settings of siemtrigger, and its store.

    Of a config that the user names they are those of the siemtrigger.conf beside it.
    """
    from siemstress.rules import settings
    from siemstress.store.opening import open_store

    if options.config is not None:
        beside = Path(options.config).with_name(settings.FILE_NAME)
        found = settings.load(beside if beside.is_file() else options.config)
        yield replace(found, config=config), store
        return
    found = settings.load()
    if (found.config.lake, found.config.server) == (config.lake, config.server):
        yield found, store
        return
    with closing(open_store(found.config)) as other:
        yield found, other


# What there is ---------------------------------------------------------------------------------


def list_rules(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Print the rules, a line each."""
    found = [
        one
        for one in _chosen(_gathered(settings, store).known, options.words)
        if not (options.disabled and one.enabled)
    ]
    if options.json:
        print(json.dumps([_plain(one) for one in found], indent=2))
        return 0
    lines = [("NAME", "LEVEL", "LOG", "ENABLED", "ID", "FILE")]
    lines += [
        (
            one.named.name,
            one.named.level or "-",
            _source(one),
            "yes" if one.enabled else "no",
            one.named.id or "-",
            one.named.file,
        )
        for one in found
    ]
    if options.tsv:
        for line in lines[1:]:
            print(visible("\t".join(line)))
    elif found:
        print_table(lines)
    if not found:
        say("siemmanage: there is no such rule")
    return 0


def show(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Print the rules in numbers, or some whole."""
    gathered = _gathered(settings, store)
    if not options.words:
        return _numbers(settings, store, gathered, options)
    found = _some(gathered.known, options.words)
    by_name, seen = _seen(settings, store, gathered)
    from siemstress.rules.coverage import lacks

    whole = [_whole(one, lacks(one, seen, by_name)) for one in found]
    if options.json:
        print(json.dumps(whole, indent=2))
        return 0
    for number, one in enumerate(whole):
        if number:
            print()
        print_table([(key, _text(value)) for key, value in one.items() if value not in ("", [])])
    return 0


def _numbers(
    settings: Settings, store: Store, gathered: Gathered, options: argparse.Namespace
) -> int:
    from siemstress.rules.coverage import lacks

    by_name, seen = _seen(settings, store, gathered)
    why = Counter(lacks(one, seen, by_name) for one in gathered.known)
    can = why.pop("", 0)
    counts: dict[str, dict[str, int]] = {
        "level": _sorted(
            Counter(one.named.level or "none" for one in gathered.known), (*_LEVELS, "none")
        ),
        "product": _largest(
            Counter(one.named.product or one.named.category or "any" for one in gathered.known)
        ),
        "tactic": _largest(Counter(t for one in gathered.known for t in _tactics(one.named.tags))),
        "cannot fire": _largest(why),
    }
    whole = {
        "rules": len(gathered.known),
        "enabled": sum(one.enabled for one in gathered.known),
        "can fire on what is stored": can,
        "cannot be used": len(gathered.problems),
    }
    if options.json:
        print(json.dumps({**whole, **counts}, indent=2))
        return 0
    lines = [(key, f"{number:,}") for key, number in whole.items()]
    for title, numbers in counts.items():
        if numbers:
            lines.append((f"by {title}" if title != "cannot fire" else "what others lack", ""))
        some = list(numbers.items())
        shown = len(some) if len(some) == _LONGEST + 1 else _LONGEST
        lines += [(f"  {name}", f"{number:,}") for name, number in some[:shown]]
        if len(some) > shown:
            rest = sum(number for _, number in some[shown:])
            lines.append((f"  {len(some) - shown:,} others", f"{rest:,}"))
    print_table(lines)
    return 0


def _gathered(settings: Settings, store: Store) -> Gathered:
    from siemstress.rules.gather import gather

    gathered = gather(settings, store, every=True)
    if gathered.problems:
        say(f"siemmanage: {told(len(gathered.problems))}")
    return gathered


def told(wrong: int) -> str:
    """That some rules cannot be used."""
    noun = "rule or file" if wrong == 1 else "rules or files"
    return f"{wrong:,} {noun} cannot be used; see siemtrigger --check"


def _seen(settings: Settings, store: Store, gathered: Gathered) -> tuple[dict[str, Known], Any]:
    """The rules by what others call them, and what is stored."""
    from siemstress.rules.coverage import look

    by_name = {
        name: one
        for one in gathered.known
        if one.sigma is not None
        for name in one.sigma.about.names
    }
    tables = [table for table in gathered.logs if store.version(table) is not None]
    return by_name, look(store, tables, gathered.known, settings.mappings)


def _chosen(known: Iterable[Known], words: Sequence[str]) -> list[Known]:
    from siemstress.rules.ruleset import meant

    return [one for one in known if not words or any(meant(word, one.named) for word in words)]


def _some(known: Sequence[Known], words: Sequence[str]) -> list[Known]:
    """The rules that words mean, of which each must mean one."""
    for word in words:
        if not _chosen(known, [word]):
            raise QueryError(f"there is no rule {word!r}; see siemmanage rules list")
    return _chosen(known, words)


def _source(one: Known) -> str:
    named = one.named
    parts = (named.product, named.category, named.service)
    if not any(parts) and one.rule is not None:
        return ", ".join(one.rule.tables[:3]) + (", …" if len(one.rule.tables) > 3 else "")
    return "/".join(filter(None, parts)) or "-"


def _plain(one: Known) -> dict[str, Any]:
    named = one.named
    return {
        "name": named.name,
        "id": named.id,
        "level": named.level,
        "status": named.status,
        "tags": list(named.tags),
        "product": named.product,
        "category": named.category,
        "service": named.service,
        "enabled": one.enabled,
        "file": named.file,
    }


def _whole(one: Known, why_not: str) -> dict[str, Any]:
    about = one.sigma.about if one.sigma is not None else None
    more = about and {
        "description": about.description,
        "author": about.author,
        "date": about.date,
        "references": list(about.references),
        "false positives": list(about.falsepositives),
    }
    rule = one.rule
    ours = rule and {
        "tables": list(rule.tables),
        "alerts go to": rule.out_table,
        "grouped by": list(rule.group_names),
        "message": rule.message,
    }
    fires = {"can fire on what is stored": why_not or "yes"}
    return {**_plain(one), **(more or {}), **(ours or {}), **fires}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _tactics(tags: Iterable[str]) -> set[str]:
    """ATT&CK's tactics among the tags of a rule, whose names have no number."""
    names = (t.lower().removeprefix("attack.") for t in tags if t.lower().startswith("attack."))
    return {name.replace("_", "-") for name in names if not any(c.isdigit() for c in name)}


def _sorted(counts: Mapping[str, int], order: Sequence[str]) -> dict[str, int]:
    known = [name for name in order if name in counts]
    return {name: counts[name] for name in (*known, *(n for n in counts if n not in order))}


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


# What is changed -------------------------------------------------------------------------------


def switch(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Put rules on or off, which stands in the store and not in their files."""
    from siemstress.rules.ruleset import State

    known = _gathered(settings, store).known
    found = _some(known, options.words)
    state = State.load(store)
    for word in options.words:
        state.say(word, on=options.on)
    state.save(store)
    changed = sum(one.enabled != options.on for one in found)
    what = "enabled" if options.on else "disabled"
    say(f"siemmanage: rules {what}: {changed:,}; were so before: {len(found) - changed:,}")
    return 0


def add(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Keep Sigma rules in the store; those that cannot be used are named, with status 2."""
    from siemstress.rules import rule_store

    paths = [Path(path) for path in options.paths]
    added = rule_store.add(store, paths, settings.pipelines, settings.mappings)
    for problem in added.problems:
        say(f"siemmanage: {problem}")
    say(
        f"siemmanage: rules: {added.rules:,} in {added.files:,} files added; files replaced: "
        f"{added.replaced:,}" + (f"; mistakes: {len(added.problems):,}" if added.problems else "")
    )
    return 2 if added.problems else 0


def remove(settings: Settings, store: Store, options: argparse.Namespace) -> int:
    """Remove rules from those that the store keeps, with the whole files that they are in."""
    from siemstress.rules.ruleset import keep, shown, stored

    files = stored(store)
    there = {shown(name): name for name in files}
    ours = [one for one in _gathered(settings, store).known if one.named.file in there]
    for word in options.words:
        if not _chosen(ours, [word]):
            problem = "the store keeps no rule"
            raise QueryError(f"{problem} {word!r}; rules in files are put off by disable")
    gone = {there[one.named.file] for one in _chosen(ours, options.words)}
    lost = sum(there[one.named.file] in gone for one in ours)
    keep(store, {name: content for name, content in files.items() if name not in gone})
    say(f"siemmanage: removed {lost:,} rules in {len(gone):,} files")
    return 0
