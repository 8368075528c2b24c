"""The reference of the config files: every key that the code knows, with its meaning."""

from __future__ import annotations

from collections.abc import Mapping

from siemstress import config
from siemstress.config import enrichment, server
from siemstress.config.format_files import FORMATS_VARIABLE
from siemstress.config.sources import ListenLimits
from siemstress.notify import settings as notify
from siemstress.notify.base import kinds
from siemstress.query.filters import COLUMNS
from siemstress.rules import load as rules
from siemstress.rules import settings as trigger
from siemstress.rules.alert_log import CHANGES

LIMITS = ListenLimits()
MAIN = {
    "store": "`lake`, the path of the lake's folder, or "
    "`mariadb://USER:PASSWORD@HOST:PORT/DATABASE`; the keys below say the same one by one",
    "lake": "folder of the lake, relative to this file; by default `/var/lib/siemstress` for root, "
    "`$XDG_DATA_HOME/siemstress` (`~/.local/share/siemstress`) for others",
    "server": "a MariaDB server: host name, address, `HOST:PORT`, `[IPV6]:PORT`, the path of a "
    "socket, or a URL as in `store`; with it the store is MariaDB. `localhost` without a port is "
    "the local socket, if there is one",
    "port": f"its port ({server.PORT})",
    "socket": "path of its socket, in place of `server`",
    "user": f"its user ({server.USER})",
    "password": "that user's password; keep such a file to yourself: `chmod 600`",
    "password_file": "file that holds the password, one line",
    "database": f"the database ({server.DATABASE})",
    "tls": "`yes`: only encrypted, to a server whose certificate is verified; `no`: unencrypted, "
    "without a warning (no; yes with one of the next three)",
    "tls_ca": "file of the certificates that verify the server's (the system's)",
    "tls_cert": "file of a certificate that proves who we are",
    "tls_key": "file of its private key (in `tls_cert`)",
    "flush": "seconds within which a line that was collected can be queried "
    f"({config.FLUSH:g}); more make fewer and larger files",
}
SECTION = {
    "table": "table that the events go to: letters, digits and `_`; must be there",
    "parser": f"log format of the lines, by name ({config.DEFAULT_PARSER}: look at the lines)",
    "keep": "how long events are kept: a number with `h`, `d`, `w` or `y`, as `90d` (for ever); "
    "see [retention](../retention.md)",
    "keep_size": "how large the table may grow before its oldest events are deleted: a number with "
    "`MB`, `GB`, `TB`, or `MiB`, `GiB`, `TiB`, as `50GB` (any size)",
    "queryfields": "columns of siemquery's table, separated by commas, in any of their spellings",
    "follow": "files and patterns (`*`, `?`, `**`) that `siemparse --collect` follows; several on "
    "lines of their own, or with commas between",
    "listen": "addresses that lines are taken from: `udp://HOST:PORT`, `tcp://HOST:PORT`, "
    "`tls://HOST:PORT`, `unix:///PATH`, `unix-stream:///PATH`; no host is all of the machine's",
    "tls_certificate": "file of the certificate for `tls://` (and of its key)",
    "tls_key": "file of that certificate's private key",
    "tls_ca": "file of certificates: whoever sends by `tls://` must have one that they have signed",
    "max_line": f"longest line by TCP and TLS in bytes ({LIMITS.line}); longer ones come in parts",
    "max_connections": f"how many connections may be open at once ({LIMITS.connections})",
    "idle": f"seconds after which a silent connection is closed ({LIMITS.idle:g})",
    "journal": "`yes`: systemd's journal is stored (no)",
    "kernel": "`yes`: the kernel's messages are stored (no)",
    "zone": "time zone of collected stamps that name none: `+0500`, `Europe/Zurich` (the "
    "machine's)",
    "helpers": "tables of the store's helpers that are for it, separated by commas (all)",
}
HELPER = {
    "regex": "regular expression that is looked for in the message; what its groups hold, or all "
    "that it matches if it has none, is a find",
    "variable": "field that the finds go to (the helper's name)",
    "sections": "kinds of log that it is for, separated by commas (all)",
}
GEOIP = {
    "database": "file in MaxMind's format that knows where addresses are",
    "asn": "file in MaxMind's format that knows whose addresses are; one of the two must be there",
    "fields": f"what is wanted of `database`: {', '.join(f'`{n}`' for n in enrichment.GEO_FIELDS)} "
    f"({', '.join(enrichment.USUAL_GEO_FIELDS)})",
    "sections": "kinds of log that it is for, separated by commas (all)",
}
LIST = {
    "file": "file of the list: plain text, CSV, JSON, a STIX 2 bundle or an export of MISP",
    "kind": f"what its entries are: {', '.join(f'`{n}`' for n in enrichment.KINDS)} "
    f"({enrichment.KINDS[0]}: each what it looks like)",
    "field": "column or key of the file that holds the values (the first)",
    "columns": "columns that are looked at, and `fields.NAME`, separated by commas (those of its "
    "kind)",
    "sections": "kinds of log that it is for, separated by commas (all)",
}
ASSETS = {
    "file": "CSV file with a header: `host`, `address` or the first column is what machines are "
    "found by, the others become fields",
    "sections": "kinds of log that it is for, separated by commas (all)",
}
MASK = {
    "columns": "columns whose values are masked, and `fields.NAME`, separated by commas; must be "
    "there",
    "key": "file of the key, which nobody else can read; `siemmanage mask --make-key` makes it",
    "sections": "kinds of log that it is for, separated by commas (all)",
}
TRIGGER = {
    "confdir": "folder of rule files (`*.conf`, and Sigma's `*.yml`); by default the shipped rules",
    "config": "siemstress.conf whose kinds of log the rules speak of; by default the one beside "
    "this file, or the one in the usual places",
    "sigma": "files, folders and .zip archives of Sigma rules, separated by commas, besides those "
    "in `confdir`",
    "pipelines": "pySigma's processing pipelines, which change Sigma rules",
    "mappings": "files that say where fields of Sigma rules stand, and of which logs there are "
    "events",
    "poll": f"least seconds between looks at the store ({trigger.POLL_SECONDS:g})",
}
NOTIFY = {
    "kind": f"how it is told: {', '.join(f'`{name}`' for name in sorted(kinds()))}; must be there",
    "min_severity": "only alerts that are at least as bad: 0 (worst) to 7, a name, or a level of "
    "Sigma's (any)",
    "severity": "only alerts of these severities, as `0-3`, in place of `min_severity` (any)",
    "rules": "only alerts of rules of these names or ids; `*` stands for any text (any)",
    "tags": "only alerts with one of these tags, as `attack.t1110*` (any)",
    "on": "what it is told of: `open`, `superseded` (an alert that takes the place of one that it "
    f"was told of), {', '.join(f'`{name}`' for name in CHANGES if name != 'superseded')} (open)",
    "max_age": f"of alerts that had ended longer ago it is not told ({notify.MAX_AGE})",
    "rate": "messages in a span, as `20/10m`; more are summed up in one; `none`: any number (by "
    "kind)",
    "retries": f"how often a message is tried again, within a day ({notify.RETRIES})",
    "timeout": f"seconds that sending may take ({notify.TIMEOUT})",
}
_URL = "where to, `https://…`; a secret"
_TLS = "`no`: unencrypted `http://` is allowed (yes)"
_TLS_CA = "file of the certificates that verify the server's (those that are known to all)"
_WEB = {"url": _URL, "tls": _TLS, "tls_ca": _TLS_CA}
_BLOCK = {
    "column": "column, or name of the group, that has the address (source_host)",
    "expiry": "how long an address is blocked (1h)",
    "never": "addresses and networks that are never blocked, separated by commas",
    "private": "`yes`: private addresses, too (no)",
}
NOTIFY_KINDS = {
    "webhook": {
        **_WEB,
        "template": "JSON that is sent, with `{name}` for values (all that is known)",
        "template_file": "file that holds it",
        "header": "a header, `NAME: VALUE`; a secret",
    },
    "slack": _WEB,
    "mattermost": {**_WEB, "channel": "another channel than the webhook's"},
    "teams": _WEB,
    "email": {
        "server": "the server, `HOST` or `HOST:PORT`; must be there",
        "tls": "`starttls`, `implicit` or `no` (starttls)",
        "tls_ca": _TLS_CA,
        "user": "who logs in (nobody)",
        "password": "that user's password; a secret",
        "from": "address of the sender; must be there",
        "to": "addresses, separated by commas; must be there",
    },
    "syslog": {
        "server": "the server, `HOST` or `HOST:PORT`; must be there",
        "transport": "`udp`, `tcp` or `tls` (udp)",
        "facility": "syslog's facility (local0)",
        "tls_ca": _TLS_CA,
    },
    "command": {"command": "program and arguments, as a shell would split them; must be there"},
    "file": {"path": "the file; must be there"},
    "nftables": {
        **_BLOCK,
        "table": "table of the family inet (siemstress)",
        "set4": "its set of IPv4 addresses (blocked4)",
        "set6": "its set of IPv6 addresses (blocked6)",
        "nft": "the program (nft)",
    },
    "blockfile": {**_BLOCK, "path": "the file; must be there"},
}
RULE_BOTH = {
    "interval": "span of time that events are counted in: minutes, or a number with `s`, `m`, `h` "
    f"or `d` ({rules.INTERVAL})",
    "limit": "more events than this in an interval raise an alert (0)",
    "message": "what the alert says; `{count}`, `{limit}` and the group's columns are filled in",
    "outtable": f"table that the alert goes to ({rules.OUT_TABLE})",
    "severity": "the alert's severity, 0 (worst) to 7",
    "suppress_for": "what comes within this time after an alert's last event is part of that "
    "alert: minutes, or a number with `s`, `m`, `h` or `d`",
    "magnitude": "the alert's weight, larger is worse",
    "sourcetable": "the same as `section`; only a note beside `sqlquery`, which names its tables",
}
RULE_SQL = {"sqlquery": "a MySQL SELECT whose rows are counted"}
RULE_OWN = {
    "section": "kind of log to watch, by section or table; several with commas between, "
    f"`{rules.EVERY}` for all",
    "group_by": "columns, or `fields.NAME`: events are counted apart for each of their values",
}

INTRODUCTION = """\
# Config files

All are INI files in UTF-8: `[section]` lines, and `key=value` lines below them. `%` has no special
meaning. A path in a file is relative to that file. A mistake is told in one line that names the
file, the section and the key.

## siemstress.conf

Looked for at `-c FILE`, else in this order; without any, the defaults hold.

1. `/etc/siemstress.conf`
2. `/etc/siemstress/siemstress.conf`
3. `$XDG_CONFIG_HOME/siemstress/siemstress.conf` (`~/.config/siemstress/siemstress.conf`)

```ini
[siemstress]
lake=/srv/siemstress

[auth]
table=Auth
parser=syslogbsd
queryfields=Id,DateStamp,SourceHost,Process,PID,Message
```
"""

HELPER_INTRODUCTION = """\
### `[helper NAME]`: more fields from messages

See [siemparse](../siemparse.md#helpers).
"""

ENRICHMENT_INTRODUCTION = """\
### `[geoip]`, `[list NAME]`, `[assets]`, `[mask]`: enrichment

See [enrichment](../enrichment.md). `[geoip]`, where addresses are:
"""

ENVIRONMENT = f"""\
Two variables of the environment come before these keys: `{config.STORE_VARIABLE}`, which has what
`store` may have, and `{config.PASSWORD_VARIABLE}`, the password. More on servers:
[MariaDB](../mariadb.md). A third, `{FORMATS_VARIABLE}`, names the folders of [your own
formats](../formats.md).
"""

TRIGGER_INTRODUCTION = """\
## siemtrigger.conf

Looked for as siemstress.conf is, under its own name. Without any, the shipped rules watch the
default store. Its `[siemstress]` has the keys above, which name a store other than that of
siemstress.conf, and these:
"""

NOTIFY_INTRODUCTION = f"""\
### `[notify NAME]`: who is told of alerts

In siemtrigger.conf; see [notifications](../notify.md). All kinds have these keys, and
`{notify.GROUP}NAME`: only alerts whose group has one of these values (`*` is any text). A secret is
better kept in a file that `KEY_file` names, or in the variable of the environment
`{notify.SECRET_VARIABLE}<NAME>_<KEY>`.
"""

RULES_INTRODUCTION = """\
## Rule files

Every `*.conf` in `confdir` is read, and every section in it is a rule, of one of two kinds. Both
have these keys:
"""


def text() -> str:
    """The whole page."""
    parts = [
        INTRODUCTION,
        "### `[siemstress]`: the store\n",
        _keys(MAIN, config.MAIN_KEYS),
        ENVIRONMENT,
        "### Every other section: a kind of log\n\n`-s` chooses it by its name.\n",
        _keys(SECTION, config.SECTION_KEYS),
        HELPER_INTRODUCTION,
        _keys(HELPER, config.HELPER_KEYS),
        ENRICHMENT_INTRODUCTION,
        _keys(GEOIP, enrichment.GEOIP_KEYS),
        "`[list NAME]`, what marks events with its name:\n",
        _keys(LIST, enrichment.LIST_KEYS),
        "`[assets]`, whose machines are:\n",
        _keys(ASSETS, enrichment.ASSETS_KEYS),
        "`[mask]`, what is not stored in the clear:\n",
        _keys(MASK, enrichment.MASK_KEYS),
        "### Sections without a file\n",
        _sections(),
        TRIGGER_INTRODUCTION,
        _keys(TRIGGER, trigger.TRIGGER_KEYS),
        NOTIFY_INTRODUCTION,
        _keys(NOTIFY, notify.SHARED_KEYS),
        *(_kind(name) for name in sorted(kinds())),
        RULES_INTRODUCTION,
        _keys(RULE_BOTH, rules.SHARED_KEYS),
        "A rule of the original's kind:\n",
        _keys(RULE_SQL, rules.SQL_KEYS - rules.SHARED_KEYS),
        "A rule without SQL:\n",
        _keys(RULE_OWN, rules.OWN_KEYS - rules.SHARED_KEYS),
        _rule_flags(),
    ]
    return "\n".join(parts)


def _kind(name: str) -> str:
    return f"`kind={name}`:\n\n{_keys(NOTIFY_KINDS[name], kinds()[name].keys)}"


def _keys(meanings: Mapping[str, str], known: frozenset[str]) -> str:
    if set(meanings) != known:
        names = ", ".join(sorted(set(meanings) ^ known))
        raise LookupError(f"docs/settings.py and the code differ about the keys: {names}")
    rows = [f"| `{name}` | {meaning} |" for name, meaning in meanings.items()]
    return "\n".join(["| key | meaning (default) |", "|---|---|", *rows]) + "\n"


def _rule_flags() -> str:
    flags = ", ".join(f"`{name}`" for name in COLUMNS if name not in rules.RENAMED.values())
    ours = next(name for name, flag in rules.RENAMED.items() if flag == "severity")
    return (
        "And siemquery's filters, one value a line, each also with an `r` in front: "
        f"{flags}; `{ours}` stands for `--severity`. With `{rules.THEN}` in front "
        "of all, a filter says what must come after the events that are counted.\n"
    )


def _sections() -> str:
    rows = [
        f"| `{s.name}` | `{s.table}` | {s.parser} | {', '.join(s.query_fields)} |"
        for s in config.BUILT_IN.values()
    ]
    head = ["| section | table | parser | queryfields |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
