"""JSON of containers and of the journal: Docker, Kubernetes, systemd."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from siemstress.formats.base import Sample
from siemstress.formats.documents import Document, document
from siemstress.formats.leaves import Leaves
from siemstress.formats.objects import take_apart
from siemstress.formats.sayings import ADDRESS, STATUS, VERBS, alike

_BYTES = r"^\[\d{1,3}(?:,\d{1,3})*\]$"
_LEVEL = r"""^(?:.{0,120}[\s\[{,])?(?:level|lvl|severity)["']?[=:]\s?["']?([A-Za-z]{3,13})\b"""


def _inner(leaves: Leaves) -> Leaves:
    """What a container wrote: without its line feed and, if it is an object, its values too."""
    if "log" not in leaves.names:
        return leaves
    at = np.flatnonzero(leaves.name == list(leaves.names).index("log"))
    texts = leaves.text.gather(at).str.strip_chars_end("\r\n")
    leaves = Leaves(leaves.row, leaves.name, leaves.names, leaves.text.scatter(at, texts))
    nested = np.flatnonzero(texts.str.starts_with("{").to_numpy())
    if not len(nested):
        return _without_empty(leaves)
    objects = take_apart(texts.gather(nested), ())
    within = objects.leaves
    # The names that Docker gives are its own.
    own = {leaves.names[number] for number in np.unique(leaves.name)}
    names = [*leaves.names, *(f"log.{n}" if n in own else n for n in within.names)]
    said = [n for n, name in enumerate(within.names) if name in ("message", "msg")]
    row = leaves.row[at[nested]][within.row]
    told = np.unique(row[np.isin(within.name, said)])
    stays = np.ones(len(leaves.row), bool)
    stays[at[np.isin(leaves.row[at], told)]] = False
    outer = np.flatnonzero(stays)
    rows = np.concatenate([leaves.row[outer], row])
    name = np.concatenate([leaves.name[outer], within.name + len(leaves.names)])
    order = np.argsort(rows, kind="stable")
    text = pl.concat([leaves.text.gather(outer), within.text]).gather(order)
    return _without_empty(Leaves(rows[order], name[order], names, text))


def _without_empty(leaves: Leaves) -> Leaves:
    kept = np.flatnonzero((leaves.text.str.len_bytes() > 0).to_numpy())
    if len(kept) == len(leaves.row):
        return leaves
    return Leaves(leaves.row[kept], leaves.name[kept], leaves.names, leaves.text.gather(kept))


DOCKER = document(
    "docker",
    Document(
        keys=("log stream time",),
        columns={
            "message": ("message", "msg", "log"),
            "time": ("time",),
            # Of what the container says about a host, or about requests, nothing is known.
            "": ("host", "hostname", "host.name", "host.hostname"),
        },
        prepare=_inner,
        says={
            "severity": (
                ("log", {
                    **alike("error err severe", "3"), **alike("fatal critical", "2"),
                    **alike("warn warning", "4"), **alike("debug trace", "7"),
                    "panic": "0", "notice": "5", "info": "6",
                }, _LEVEL),
            ),
        },
    ),
    (
        Sample(
            r'{"log":"level=warning msg=\"disk is full\"\n","stream":"stderr","time":'
            '"2017-08-23T06:15:38.123456789Z"}',
            {"time": "2017-08-23T06:15:38.123456", "severity": 4,
             "message": 'level=warning msg="disk is full"', "fields.stream": "stderr"},
        ),
        Sample(
            r'{"log":"{\"level\":\"error\",\"msg\":\"no route\",\"time\":\"x\",\"n\":7}\n",'
            '"stream":"stdout","time":"2017-08-23T06:15:38.5Z"}',
            {"time": "2017-08-23T06:15:38.500", "severity": 3, "message": "no route",
             "fields.n": "7", "fields.log.time": "x"},
        ),
    ),
    about="What containers write, as Docker keeps it (json-file): the message is their line.",
)  # fmt: skip
K8S = document(
    "k8saudit",
    Document(
        keys=("auditID stage verb requestURI",),
        columns={
            "time": ("stagetimestamp", "requestreceivedtimestamp"),
            "user_name": ("user.username",),
            "": ("level",),
        },
        parts={"source_host": (("sourceIPs", ADDRESS),)},
        says={
            "action": (
                ("objectRef.subresource", {"exec": "run_command", "attach": "run_command",
                                           "portforward": "connect",
                                           "token": "credential_create"}),
                ("verb", VERBS),
            ),
            "outcome": (("responseStatus.code", STATUS),),
        },
    ),
    (
        Sample(
            '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a1",'
            '"stage":"ResponseComplete","requestURI":"/api/v1/namespaces/x/secrets","verb":'
            '"create","user":{"username":"alice","groups":["dev"]},"sourceIPs":["192.0.2.7",'
            '"198.51.100.1"],"objectRef":{"resource":"secrets","namespace":"x"},"responseStatus":'
            '{"code":403},"stageTimestamp":"2017-08-23T06:15:38.123456Z"}',
            {"time": "2017-08-23T06:15:38.123456", "user_name": "alice",
             "source_host": "192.0.2.7", "action": "resource_create", "outcome": "failure",
             "severity": None, "fields.objectRef.resource": "secrets",
             "fields.sourceIPs": '["192.0.2.7","198.51.100.1"]'},
        ),
    ),
    about="Kubernetes' audit log.",
)  # fmt: skip


def _of_bytes(leaves: Leaves) -> Leaves:
    """With texts in place of arrays of bytes, where these are texts."""
    rows = np.flatnonzero(leaves.text.str.starts_with("[").to_numpy())
    some = leaves.text.gather(rows)
    rows = rows[some.str.contains(_BYTES).to_numpy()]
    if not len(rows):
        return leaves
    some = leaves.text.gather(rows)
    lists = some.str.strip_chars("[]").str.split(",").cast(pl.List(pl.UInt8), strict=False)
    array = lists.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.large_list(pa.uint8()))
    values = array.flatten()
    texts = pa.Array.from_buffers(
        pa.large_binary(), len(array), [None, array.buffers()[1], values.buffers()[1]],
        offset=array.offset,
    )  # fmt: skip
    text = pl.Series(pl.from_arrow(texts)).to_frame("b").select(
        pl.col("b").map_batches(_decoded, return_dtype=pl.String)
    ).to_series()  # fmt: skip
    fits = text.is_not_null() & (text != "")
    changed = leaves.text.scatter(rows, text.zip_with(fits, some))
    return Leaves(leaves.row, leaves.name, leaves.names, changed)


def _decoded(data: pl.Series) -> pl.Series:
    """Bytes as texts, with U+FFFD for what is wrong in them."""
    return pl.Series([bytes(b).decode("utf-8", "replace") for b in data], dtype=pl.String)


JOURNAL = document(
    "journald",
    Document(
        keys=("__REALTIME_TIMESTAMP __MONOTONIC_TIMESTAMP", "__REALTIME_TIMESTAMP __CURSOR",
              "__REALTIME_TIMESTAMP MESSAGE", "_BOOT_ID _MACHINE_ID MESSAGE"),
        prepare=_of_bytes,
    ),
    (
        Sample(
            '{"__REALTIME_TIMESTAMP":"1534860261221373","__MONOTONIC_TIMESTAMP":"7","PRIORITY":'
            '"3","_HOSTNAME":"imx6","SYSLOG_FACILITY":"10","SYSLOG_IDENTIFIER":"su","_PID":"184",'
            '"MESSAGE":[70,65,73,76,69,68,32,83,85,32,40,116,111,32,114,111,111,116,41,32,98,111,'
            '98,32,111,110,32,112,116,115,47,50]}',
            {"time": "2018-08-21T14:04:21.221373", "host": "imx6", "process": "su", "pid": 184,
             "facility": "authpriv", "severity": 3, "user_name": "bob", "outcome": "failure",
             "message": "FAILED SU (to root) bob on pts/2"},
        ),
        Sample(
            '{"__REALTIME_TIMESTAMP":"1534860261221373","__MONOTONIC_TIMESTAMP":"7","MESSAGE":'
            'null,"_TRANSPORT":"stdout"}',
            {"time": "2018-08-21T14:04:21.221373", "fields._TRANSPORT": "stdout"},
        ),
    ),
    about="The systemd journal, as `journalctl -o json` writes it.",
)  # fmt: skip
