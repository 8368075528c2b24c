"""Apache HTTP Server's error log, behind time and level."""

from siemstress.fields.tables import Sample, Table, says

_HEADS = ("", "[pid {thread*}] ")

TABLE = Table(
    programs=("apacheerror",),
    patterns=(
        *(says(f"{head}[client {{source_host}}:{{source_port}}] {{_rest*}}") for head in _HEADS),
        *(says(f"{head}[client {{source_host}}] {{_rest*}}") for head in _HEADS),
    ),
    samples=(
        Sample("[pid 35708] [client 203.0.113.9:4022] AH00128: File does not exist: /a",
               {"thread": "35708", "source_host": "203.0.113.9", "source_port": 4022}),
        Sample("[pid 742:tid 140142593419008] [client 203.0.113.9:50900] AH01071: Got error",
               {"thread": "742:tid 140142593419008", "source_host": "203.0.113.9",
                "source_port": 50900}),
        Sample("[client 203.0.113.9] File does not exist: /a", {"source_host": "203.0.113.9"}),
    ),
)  # fmt: skip
