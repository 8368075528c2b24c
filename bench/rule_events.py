"""Events and rules as people have them: a few programs, many command lines, long lists of literals.

The same ones for the same seed. Of the rules a few are met often, most never.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

import numpy as np
import polars as pl

from siemstress.rules.sigma.condition import All, Any, Atom, Condition, Not, Regex, Text, Wild

SEED = 1906
CHUNK = 50_000

PROGRAMS = (
    "cmd powershell svchost rundll32 net whoami reg schtasks wmic certutil conhost explorer "
    "taskhostw notepad msiexec regsvr32 mshta bitsadmin cscript wscript"
).split()
WORDS = (
    "update config user admin shadow backup export query create delete service task token share "
    "remote policy cache session install download encoded hidden bypass invoke memory registry "
    "domain group ticket kernel module history cron passwd select union script payload"
).split()
FOLDERS = ["c:\\windows\\system32\\", "c:\\users\\public\\", "\\appdata\\local\\temp\\",
           "c:\\programdata\\", "/etc/", "/root/", "/var/www/", "/srv/www/"]  # fmt: skip

COMMAND, IMAGE, PARENT = "fields.commandline", "fields.image", "fields.parentimage"
PATH, AGENT, STATUS = "fields.uri", "user_agent|fields.user_agent", "fields.status"


def process_events(count: int) -> Iterator[pl.DataFrame]:
    """Processes that were started, some rows at a time."""
    chance = np.random.default_rng(SEED)
    programs = np.array([f"C:\\Windows\\System32\\{name}.exe" for name in PROGRAMS], object)
    for rows in _chunks(count):
        image, parent = (programs[chance.integers(0, len(programs), rows)] for _ in "ab")
        number = chance.integers(0, 1_000_000, (3, rows))
        frame = pl.DataFrame(
            {
                "eventid": ["1"] * rows,
                "image": image,
                "parentimage": parent,
                "user": [f"D\\u{n % 50}" for n in number[0]],
                "hashes": [f"SHA256={n:064x}" for n in number[1] * 7919],
                "commandline": [
                    f'"{name}" /c {WORDS[n % 38]} {n} -k netsvcs -p C:\\Users\\u{n % 97}\\x{m}.tmp'
                    for name, n, m in zip(image, number[0], number[2], strict=True)
                ],
            }
        )
        yield frame.select(_as_fields(frame.columns), pl.lit("evtx").alias("format"))


def mixed_events(count: int) -> Iterator[pl.DataFrame]:
    """Requests of the web, processes of Linux, and lines of logs, in turn."""
    chance = np.random.default_rng(SEED)
    for rows in _chunks(count):
        kind = np.arange(rows) % 3
        number = chance.integers(0, 1_000_000, (2, rows))
        word = np.array(WORDS, object)[number[0] % len(WORDS)]
        frame = pl.DataFrame(
            {
                "uri": [f"/{w}/{n}?id={m % 99}" for w, n, m in zip(word, *number, strict=True)],
                "status": np.array(["200", "404", "301"], object)[number[1] % 3],
                "image": [f"/usr/bin/{PROGRAMS[n % 20]}" for n in number[1]],
                "commandline": [f"{w} -x /tmp/{n}" for w, n in zip(word, number[0], strict=True)],
            }
        ).with_row_index("row")
        web, process = (pl.col("row") % 3 == n for n in (0, 1))
        frame = frame.with_columns(
            *(pl.when(web).then(pl.col(name)).alias(name) for name in ("uri", "status")),
            *(pl.when(process).then(pl.col(name)).alias(name) for name in ("image", "commandline")),
        )
        lines = [
            f"Failed {w} for user{n % 500} from 192.0.2.{n % 256} port {m % 65536} ssh2"
            for w, n, m in zip(word, *number, strict=True)
        ]
        yield frame.select(
            _as_fields(["uri", "status", "image", "commandline"]),
            pl.Series("format", np.array(["combined", "auditd", "syslog"], object)[kind]),
            pl.Series("process", np.array(["nginx", "audit", "sshd"], object)[kind]),
            pl.Series("user_agent", [f"Mozilla/5.0 (X11) {n % 40}" for n in number[1]]),
            pl.Series("message", lines),
        )


def process_rules(count: int) -> list[Condition]:
    """Rules about processes: programs by their ends, and lists of words in command lines."""
    random = Random(SEED)
    started = Atom("fields.eventid", Text(("1",)))
    return [All((started, _about_process(random))) for _ in range(count)]


def mixed_rules(count: int) -> list[Condition]:
    """Rules about requests, processes of Linux, and lines."""
    random = Random(SEED)
    made: list[Condition] = []
    for number in range(count):
        if number % 3 == 0:
            about: Condition = Any((_any_of(random, PATH), _any_of(random, AGENT)))
            made.append(All((Atom("format", Text(("combined",))), about)))
        elif number % 3 == 1:
            made.append(All((Atom("format", Text(("auditd",))), _about_process(random))))
        else:
            made.append(All((Atom("process", Text(("sshd",))), _any_of(random, "message"))))
    return made


def _about_process(random: Random) -> Condition:
    program = Atom(IMAGE, Text((Wild.ANY, f"\\{random.choice(PROGRAMS)}.exe")))
    parts: list[Condition] = [program, _any_of(random, COMMAND)]
    if random.random() < 0.4:
        parts.append(_any_of(random, COMMAND))
    if random.random() < 0.06:
        parts[-1] = Atom(
            COMMAND, Regex(rf"\s-{random.choice('kdxe')}\s+{re.escape(_literal(random))}")
        )
    if random.random() < 0.3:
        parent = Atom(PARENT, Text((Wild.ANY, f"\\{random.choice(PROGRAMS)}.exe")))
        parts.append(Not(All((parent, _any_of(random, COMMAND)))))
    return All(tuple(parts))


def _any_of(random: Random, field: str) -> Condition:
    """One of a list of literals is in a field; now and then there is a wildcard within."""
    texts = [_literal(random) for _ in range(random.choice([2, 4, 8, 16]))]
    tests = [Text((Wild.ANY, text, Wild.ANY)) for text in texts]
    if random.random() < 0.06:
        tests[0] = Text((Wild.ANY, texts[0], Wild.ANY, texts[1], Wild.ANY))
    return Any(tuple(Atom(field, test) for test in tests))


def _literal(random: Random) -> str:
    """A text of 3 to 30 characters; one in ten stands in many events."""
    if random.random() < 0.1:
        return random.choice(WORDS)
    word = f"{random.choice(WORDS)}{random.randrange(100, 100_000)}"
    shape = random.randrange(3)
    if shape == 0:
        return f" -{word}"
    return f"{random.choice(FOLDERS)}{word}" if shape == 1 else f"{word}.{random.choice(WORDS)}"


def _as_fields(names: list[str]) -> pl.Expr:
    entries = [pl.struct(pl.lit(n).alias("key"), pl.col(n).alias("value")) for n in names]
    held = pl.concat_list(entries)
    return held.list.filter(pl.element().struct.field("value").is_not_null()).alias("fields")


def _chunks(count: int) -> Iterator[int]:
    for start in range(0, count, CHUNK):
        yield min(CHUNK, count - start)
