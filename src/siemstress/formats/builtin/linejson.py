"""JSON logs: an object a line, or an array of objects (see `sources.arrays`).

Keys that are known (see `formats.keys`) fill columns, all others go into the fields. The message
of an object that has none under a known key is the object itself.
"""

from functools import partial

from siemstress.formats.base import LOOSE, SYSLOGS, Format, Sample
from siemstress.formats.documents import Document, claims, read, refine
from siemstress.sources.arrays import ArrayLines, begins_array

_ANY = Document(keys=())

LINES = Format(
    name="linejson",
    read=partial(read, kind=_ANY, name="linejson"),
    refine=partial(refine, kind=_ANY, name="linejson"),
    claims=claims,
    refines=SYSLOGS,
    rank=LOOSE,
    samples=(
        Sample(
            '{"@timestamp":"2017-08-23T06:15:38.5Z","host":{"name":"web1"},"process":{"name":'
            '"sshd","pid":12},"log":{"level":"warning"},"message":"Failed password for root from '
            '203.0.113.9 port 4022 ssh2","labels":{"rack":7},"tags":["a","b"]}',
            {"time": "2017-08-23T06:15:38.500", "zone": "Z", "host": "web1", "process": "sshd",
             "pid": 12, "severity": 4, "user_name": "root", "source_host": "203.0.113.9",
             "message": "Failed password for root from 203.0.113.9 port 4022 ssh2",
             "fields.labels.rack": "7", "fields.tags": '["a","b"]', "fields.method": "password"},
        ),
        Sample(
            '{"ts":1761019822.3152757,"level":"info","logger":"admin","request":'
            '{"remote_ip":"192.0.2.7"}}',
            {"time": "2025-10-21T04:10:22.315276", "severity": 6, "host": None,
             "message": '{"ts":1761019822.3152757,"level":"info","logger":"admin","request":'
                        '{"remote_ip":"192.0.2.7"}}',
             "fields.logger": "admin", "fields.request.remote_ip": "192.0.2.7"},
        ),
        Sample(
            '{"DateStamp":"20170823061538","TZone":"-0400","SourceHost":"h","Process":"cron",'
            '"PID":"7","Message":"hi"}',
            {"time": "2017-08-23T10:15:38", "zone": "-04:00", "host": "h", "process": "cron",
             "pid": 7, "message": "hi"},
        ),
    ),
)  # fmt: skip
ARRAY = Format(
    name="sojson",
    read=partial(read, kind=_ANY, name="sojson"),
    unpack=ArrayLines,
    begins=begins_array,
    rank=None,
    samples=(
        Sample(
            '{"timestamp":"2017-08-23T06:15:38+02:00","src_ip":"192.0.2.7","src_port":4022,'
            '"dest_ip":"192.0.2.1","dest_port":22,"proto":"TCP","event_type":"alert"}',
            {"time": "2017-08-23T04:15:38", "zone": "+02:00", "source_host": "192.0.2.7",
             "source_port": 4022, "dest_host": "192.0.2.1", "dest_port": 22, "protocol": "tcp",
             "fields.event_type": "alert"},
        ),
    ),
)  # fmt: skip
