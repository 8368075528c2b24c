"""Windows event logs (.evtx): each record is a line of JSON, read as `windowsjson` reads it.

`auto` knows such a file by how it begins; its events are `windowsjson` then. The line that comes
back is that JSON.
"""

from siemstress.formats.builtin.windowsjson import EVENT, SAMPLES
from siemstress.formats.documents import document
from siemstress.sources.eventlogs import MAGIC, EventLogLines


def _begins(head: bytes) -> bool:
    return head.startswith(MAGIC)


EVTX = document("evtx", EVENT, SAMPLES, rank=None, unpack=EventLogLines, begins=_begins)
