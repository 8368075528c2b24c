"""Web servers' access lines, which their format takes apart."""

from siemstress.fields.tables import Sample, Table, says

REQUEST = Table(
    programs=("webaccess",),
    patterns=(says('"{_request*}', action="request"),),
    samples=(Sample('"GET /a HTTP/1.1" 200 2326', {"action": "request"}),),
)
