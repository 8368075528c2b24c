"""Name servers: BIND, dnsmasq (and Pi-hole), Unbound, PowerDNS; by syslog or their own logs."""

from __future__ import annotations

from collections.abc import Iterator

from siemstress.fields.tables import Pattern, Sample, Table, says

_QUERY = {"action": "dns_query"}
_REFUSED = {"action": "dns_query", "outcome": "failure"}


def _queries() -> Iterator[Pattern]:
    """BIND's queries, the many: category and level may stand in front of them."""
    for head in ("", "info: ", "queries: ", "queries: info: "):
        for thing in ("@{_object} ", ""):
            for name in (" ({_name})", ""):
                for view in ("view {view}: ", ""):
                    peer = f"{head}client {thing}{{source_host}}#{{source_port}}{name}: {view}"
                    asked = f"{peer}query: {{query}} {{_class}} {{query_type}} {{_flags}}"
                    yield Pattern(f"{asked} ({{dest_host}})", _QUERY)
                    yield Pattern(f"{asked} ({{dest_host}}) {{_more*}}", _QUERY)
                    yield Pattern(asked, _QUERY)
                    for kind in ("query", "query (cache)"):
                        yield Pattern(f"{peer}{kind} '{{query}}' denied", _REFUSED)


def _bind() -> Iterator[Pattern]:
    yield from _queries()
    peer = (
        "{?@{_object} ?}{source_host#}#{source_port}{?/key {key}?}{?/rrl?}{? ({_name*})?}: "
        "{?view {view}: ?}"
    )
    for head in ("client ", "{_level}: client ", "{_category}: {_level}: client "):
        yield says(f"{head}{peer}query{{? (cache)?}} '{{query*}}' denied{{? ({{reason*}})?}}",
                   **_REFUSED)  # fmt: skip
        for asked, action in (("zone transfer", "dns_transfer"), ("update", "dns_update"),
                              ("notify", "dns_transfer")):  # fmt: skip
            yield says(f"{head}{peer}{asked} '{{query*}}' denied{{? ({{reason*}})?}}",
                       action=action, outcome="failure")  # fmt: skip
        yield says(f"{head}{peer}bad zone transfer request: '{{query*}}': {{reason*}}",
                   action="dns_transfer", outcome="failure")  # fmt: skip
        yield says(f"{head}{peer}transfer of '{{query}}': {{style}} {{phase=started|ended}}"
                   "{?: {_rest*}?}{? ({_serial*})?}", action="dns_transfer",
                   outcome="success")  # fmt: skip
        yield says(f"{head}{peer}updating zone '{{query}}': {{change*}}", action="dns_update",
                   outcome="success")  # fmt: skip
        yield says(f"{head}{peer}request has invalid signature: {{reason*}}", action="dns_query",
                   outcome="failure")  # fmt: skip
        yield says(f"{head}{peer}query failed ({{reason*}}) for {{query}} at {{_where}}",
                   **_REFUSED)  # fmt: skip
        yield says(f"{head}{peer}{{?({{_log*}}) ?}}rate limit {{verdict=drop|slip|stop}} "
                   "{_rest*}", action="flood")  # fmt: skip
        yield says(f"{head}{peer}received notify for zone '{{query*}}'{{?: {{_rest*}}?}}",
                   action="dns_transfer")  # fmt: skip
    yield says("{?{_category}: ?}{?{_level}: ?}{reason*} resolving '{query*}'{? (in '{_zone*}'?)?}"
               ": {dest_host#}#{dest_port}", action="dns_answer", outcome="failure")  # fmt: skip
    yield says("{?{_category}: ?}{?{_level}: ?}transfer of '{query*}' from {dest_host#}#{dest_port}"
               ": {reason*}", action="dns_transfer")  # fmt: skip


BIND = Table(
    programs=(
        "named", "bind", "stamped", "security", "queries", "update-security", "xfer-out",
        "xfer-in", "lame-servers", "query-errors", "rate-limit",
    ),
    patterns=tuple(_bind()),
    samples=(
        Sample("client @0x7f10 192.0.2.7#43278 (www.example.com): query: www.example.com IN AAAA "
               "+E(0)K (192.0.2.53)",
               {"source_host": "192.0.2.7", "source_port": 43278, "query": "www.example.com",
                "query_type": "AAAA", "dest_host": "192.0.2.53", "action": "dns_query"}),
        Sample("client 203.0.113.9#33081: query (cache) 'www.example.com/NS/IN' denied",
               {"source_host": "203.0.113.9", "source_port": 33081,
                "query": "www.example.com/NS/IN", "action": "dns_query", "outcome": "failure"}),
        Sample("security: info: client @0x7f4e 203.0.113.9#53 (example.org): query (cache) "
               "'example.org/A/IN' denied (allow-query-cache did not match)",
               {"source_host": "203.0.113.9", "source_port": 53, "query": "example.org/A/IN",
                "reason": "allow-query-cache did not match", "action": "dns_query",
                "outcome": "failure"}),
        Sample("lame server resolving 'x.example.org' (in 'example.org'?): 203.0.113.53#53",
               {"reason": "lame server", "query": "x.example.org", "dest_host": "203.0.113.53",
                "dest_port": 53, "action": "dns_answer", "outcome": "failure"}),
    ),
)  # fmt: skip


def _dnsmasq() -> Iterator[Pattern]:
    for extra in ("", "{_serial} {_client}/{source_port} "):
        yield says(f"{extra}query[{{query_type}}] {{query}} from {{source_host}}", **_QUERY)
        yield says(f"{extra}forwarded {{query}} to {{dest_host}}", action="dns_forward")
        for word in ("reply", "cached", "config", "/etc/hosts", "DHCP", "cached-stale"):
            yield says(f"{extra}{word} {{query}} is {{answer*}}", action="dns_answer")
        for word in ("gravity blocked", "regex denied", "exactly blacklisted", "exactly denied",
                     "regex blacklisted", "special domain"):  # fmt: skip
            yield says(f"{extra}{word} {{query}} is {{answer*}}", action="dns_answer",
                       verdict=word)  # fmt: skip
    yield says("possible DNS-rebind attack detected: {query}", action="alert")


DNSMASQ = Table(
    programs=("dnsmasq", "pihole-ftl"),
    patterns=tuple(_dnsmasq()),
    samples=(
        Sample("query[A] www.example.com from 192.0.2.7",
               {"query_type": "A", "query": "www.example.com", "source_host": "192.0.2.7",
                "action": "dns_query"}),
        Sample("gravity blocked ads.example.net is ::",
               {"query": "ads.example.net", "answer": "::", "verdict": "gravity blocked",
                "action": "dns_answer"}),
    ),
)  # fmt: skip
_UNBOUND = ("[{_thread}] info: ", "info: ", "unbound[{_thread}] info: ")
UNBOUND = Table(
    programs=("unbound", "stamped"),
    patterns=tuple(
        pattern
        for head in _UNBOUND
        for pattern in (
            says(f"{head}{{source_host#}} {{query}} {{query_type}} {{_class=IN|CH|HS|ANY}}",
                 **_QUERY),
            says(f"{head}{{source_host#}} {{query}} {{query_type}} {{_class=IN|CH|HS|ANY}} "
                 "{answer} {_seconds} {_cached} {_size}", action="dns_answer"),
            says(f"{head}{{zone}} {{verdict=redirect|refuse|deny|static|always_nxdomain|"
                 "always_refuse|always_null|inform|inform_deny|typetransparent|transparent} "
                 "{source_host#}@{source_port} {query} {query_type} {_class=IN|CH|HS|ANY}",
                 **_QUERY),
        )
    ),
    samples=(
        Sample("[1:0] info: 192.0.2.7 www.example.com. AAAA IN",
               {"source_host": "192.0.2.7", "query": "www.example.com.", "query_type": "AAAA",
                "action": "dns_query"}),
        Sample("info: 192.0.2.7 www.example.com. A IN NOERROR 0.000131 1 60",
               {"source_host": "192.0.2.7", "query": "www.example.com.", "query_type": "A",
                "answer": "NOERROR", "action": "dns_answer"}),
    ),
)  # fmt: skip
POWERDNS = Table(
    programs=("pdns", "pdns_server", "pdns_recursor", "pdns-recursor"),
    patterns=(
        says("Remote {source_host#}{?:{source_port}?} wants '{query}|{query_type}', {_rest*}",
             **_QUERY),
        says("{_serial} [{_thread}] question for '{query}|{query_type}' from {source_host#}"
             "{?:{source_port}?}{? {_rest*}?}", **_QUERY),
        says("AXFR of domain '{query}' denied: client IP {source_host#} {reason*}",
             action="dns_transfer", outcome="failure"),
        says("AXFR of domain '{query}' {?to {source_host#}{?:{source_port}?} ?}"
             "{phase=initiated by|allowed|finished|denied|failed}{? {_rest*}?}",
             action="dns_transfer"),
        says("Received NOTIFY for {query} from {source_host#}{?:{source_port}?}{? {_rest*}?}",
             action="dns_transfer"),
        says("Not authoritative for '{query}', sending {answer} to {source_host#}{? {_rest*}?}",
             **_REFUSED),
        says("{?[{_id}] ?}DROPPED query from {source_host#}{?:{source_port}?}, address not "
             "matched by allow-from", **_REFUSED),
    ),
    samples=(
        Sample("Remote 192.0.2.7 wants 'www.example.com|A', do = 0, bufsize = 512: packetcache "
               "MISS",
               {"source_host": "192.0.2.7", "query": "www.example.com", "query_type": "A",
                "action": "dns_query"}),
    ),
)  # fmt: skip
