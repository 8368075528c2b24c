"""A small office network in an ordinary week: four servers, a router, a NAS, twelve people.

All addresses and names are those kept for documentation (RFC 5737, RFC 3849, RFC 2606).
192.0.2.0/24 is the office, everything else is the internet. All clocks run in UTC.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MONDAY = datetime(2026, 10, 12)
END = MONDAY + timedelta(days=7)
SERVERS = {"gate": "192.0.2.1", "web1": "192.0.2.20", "mail1": "192.0.2.25", "db1": "192.0.2.30"}
MONITOR = "192.0.2.10"
PEOPLE = "alice bob carol dave erin frank grace heidi ivan judy mallory peggy".split()
ADMINS = {"alice": 1001, "bob": 1002, "carol": 1003}
SERVICES = "apt-daily fstrim logrotate man-db motd-news systemd-tmpfiles-clean".split()


def desk(person: str) -> str:
    """The address of a person's workstation."""
    return f"192.0.2.{101 + PEOPLE.index(person)}"


@dataclass
class Week:
    """Log lines as they are made: (time, line) by file name."""

    random: random.Random
    lines: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)
    # Hosts whose syslog is off, and from when to when.
    silent: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def add(self, file: str, when: datetime, line: str) -> None:
        """Keep a line that is complete."""
        self.lines.setdefault(file, []).append((when, line))

    def bsd(self, file: str, when: datetime, host: str, tag: str, message: str) -> None:
        """Keep a line in the BSD form, `Oct 12 08:00:00 host tag: message`."""
        if not self.is_silent(host, when):
            stamp = f"{when:%b} {when.day:>2} {when:%H:%M:%S}"
            self.add(file, when, f"{stamp} {host} {tag}: {message}")

    def iso(self, file: str, when: datetime, host: str, tag: str, message: str) -> None:
        """Keep a line in the form with a full stamp that newer rsyslogs write."""
        if not self.is_silent(host, when):
            self.add(file, when, f"{when:%Y-%m-%dT%H:%M:%S.%f}+00:00 {host} {tag}: {message}")

    def is_silent(self, host: str, when: datetime) -> bool:
        """Whether a host's syslog is switched off."""
        start, end = self.silent.get(host, (END, END))
        return start <= when < end

    def pid(self) -> int:
        """A process number."""
        return self.random.randrange(900, 32768)

    def port(self) -> int:
        """A client's port."""
        return self.random.randrange(32768, 60999)

    def soon(self, when: datetime, seconds: float) -> datetime:
        """A moment later, by up to so many seconds."""
        return when + timedelta(seconds=self.random.uniform(0.02, seconds))

    def every(self, minutes: float, offset: float = 0) -> Iterator[datetime]:
        """The moments of something that happens every so many minutes, all week."""
        when = MONDAY + timedelta(minutes=offset)
        while when < END:
            yield when + timedelta(seconds=self.random.uniform(1, 3))
            when += timedelta(minutes=minutes)

    def office_hours(self, count: int) -> list[datetime]:
        """Random moments of the week, most of them on workdays between 8 and 18."""
        moments = []
        for _ in range(count):
            day = self.random.choices(range(7), (10, 10, 10, 10, 9, 1, 1))[0]
            hour = min(max(self.random.gauss(13, 2.6), 0), 23.9)
            moments.append(MONDAY + timedelta(days=day, hours=hour))
        return sorted(moments)

    def any_time(self, count: int) -> list[datetime]:
        """Random moments of the week."""
        seconds = (END - MONDAY).total_seconds() - 600
        return sorted(
            MONDAY + timedelta(seconds=self.random.uniform(0, seconds)) for _ in range(count)
        )

    def stranger(self) -> str:
        """Someone on the internet; never an address that the intrusion uses."""
        net = self.random.choice(("198.51.100", "203.0.113"))
        return f"{net}.{self.random.randrange(100, 250)}"


def ordinary_week(week: Week) -> None:
    """Write what happens in any week."""
    cron(week)
    daemons(week)
    for when in week.office_hours(110):
        login(week, when, week.random.choice(list(ADMINS)))
    monitoring(week)
    mail(week)
    names(week)
    firewall(week)
    web_visitors(week)
    router(week)
    nas(week)


def cron(week: Week) -> None:
    """Hourly jobs everywhere, and the web server's every half hour."""
    jobs = [(host, 60, 17, "   cd / && run-parts --report /etc/cron.hourly") for host in SERVERS]
    jobs.append(("web1", 30, 9, "/usr/lib/php/sessionclean"))
    jobs.append(("db1", 1440, 150, "/usr/local/bin/backup-databases"))
    for host, minutes, offset, command in jobs:
        for when in week.every(minutes, offset):
            pid = week.pid()
            who = "by (uid=0)"
            week.bsd("syslog", when, host, f"CRON[{pid}]", f"(root) CMD ({command})")
            message = f"pam_unix(cron:session): session opened for user root(uid=0) {who}"
            week.bsd("auth.log", when, host, f"CRON[{pid}]", message)
            message = "pam_unix(cron:session): session closed for user root"
            week.bsd("auth.log", week.soon(when, 3), host, f"CRON[{pid}]", message)


def daemons(week: Week) -> None:
    """Timers of systemd, leases of dhcpd, and a kernel that has little to say."""
    for host in SERVERS:
        for number, service in enumerate(SERVICES):
            for when in week.every(720 if number % 2 else 480, 23 * number + 5):
                unit = f"{service}.service"
                week.bsd("syslog", when, host, "systemd[1]", f"Starting {unit} - {service}...")
                done = week.soon(when, 4)
                week.bsd("syslog", done, host, "systemd[1]", f"{unit}: Deactivated successfully.")
                week.bsd("syslog", done, host, "systemd[1]", f"Finished {unit} - {service}.")
    for person in PEOPLE:
        mac = f"52:54:00:12:34:{PEOPLE.index(person):02x}"
        for when in week.every(240, week.random.uniform(0, 240)):
            client = f"for {desk(person)} from {mac} (pc-{person}) via eth1"
            week.bsd("syslog", when, "gate", "dhcpd[702]", f"DHCPREQUEST {client}")
            answer = f"DHCPACK on {desk(person)} to {mac} (pc-{person}) via eth1"
            week.bsd("syslog", when, "gate", "dhcpd[702]", answer)
    for when in week.any_time(60):
        up = (when - MONDAY).total_seconds() + 86400 * 40
        message = f"[{up:.6f}] eth1: link up, 1000 Mbps, full duplex"
        week.bsd("syslog", when, week.random.choice(list(SERVERS)), "kernel", message)


def login(week: Week, when: datetime, user: str, host: str = "", minutes: float = 25) -> None:
    """One administrator's session by key, with some sudo in it."""
    host = host or week.random.choice(list(SERVERS))
    pid, port, number = week.pid(), week.port(), week.random.randrange(100, 9999)
    uid, address = ADMINS[user], desk(user)
    ssh, sudo = f"sshd[{pid}]", "sudo"
    key = "ED25519 SHA256:" + "".join(week.random.choices("ABCDEFGHabcdefgh0123456789+/", k=43))
    end = when + timedelta(minutes=week.random.uniform(1, minutes))
    opened = f"pam_unix(sshd:session): session opened for user {user}(uid={uid}) by {user}(uid=0)"
    lines = [
        (when, ssh, f"Accepted publickey for {user} from {address} port {port} ssh2: {key}"),
        (when, ssh, opened),
        (when, "systemd-logind[611]", f"New session {number} of user {user}."),
        (end, ssh, f"Received disconnect from {address} port {port}:11: disconnected by user"),
        (end, ssh, f"Disconnected from user {user} {address} port {port}"),
        (end, ssh, f"pam_unix(sshd:session): session closed for user {user}"),
        (
            end,
            "systemd-logind[611]",
            f"Session {number} logged out. Waiting for processes to exit.",
        ),
        (end, "systemd-logind[611]", f"Removed session {number}."),
    ]
    commands = ["/usr/bin/apt update", "/usr/bin/systemctl reload nginx", "/usr/bin/journalctl -f"]
    for command in week.random.sample(commands, week.random.randrange(3)):
        at = when + (end - when) * week.random.uniform(0.1, 0.9)
        said = f"   {user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}"
        opened = f"pam_unix(sudo:session): session opened for user root(uid=0) by {user}(uid={uid})"
        lines.append((at, sudo, said))
        lines.append((at, sudo, opened))
        closed = "pam_unix(sudo:session): session closed for user root"
        lines.append((week.soon(at, 5), sudo, closed))
    for at, tag, message in lines:
        week.bsd("auth.log", at, host, tag, message)


def monitoring(week: Week) -> None:
    """A probe that looks at SSH and the web server every ten minutes: harmless, and much of it."""
    for when in week.every(10, 2):
        host = week.random.choice(list(SERVERS))
        message = f"Connection closed by {MONITOR} port {week.port()} [preauth]"
        week.bsd("auth.log", when, host, f"sshd[{week.pid()}]", message)
        web(week, when, MONITOR, "GET /healthz", (200, 2), agent="monitoring-probe/2.1")


def mail(week: Week) -> None:
    """Letters through postfix, each in five lines."""
    for when in week.office_hours(420):
        queue = f"{week.random.randrange(16**10):010X}"
        sender = f"{week.random.choice(PEOPLE)}@example.net"
        to = week.random.choice(("sales@example.com", "orders@example.org", "team@example.net"))
        client = f"unknown[{week.stranger()}]" if week.random.random() < 0.3 else "mail[192.0.2.25]"
        size, pid = week.random.randrange(700, 90000), week.pid()
        delay = f"delay={week.random.uniform(0.2, 4):.2f}, delays=0.1/0/0.1/0.3, dsn=2.0.0"
        sent = f"to=<{to}>, relay=mx.example.com[198.51.100.25]:25, {delay}, status=sent (250 OK)"
        message = f"from=<{sender}>, size={size}, nrcpt=1 (queue active)"
        for process, text in (
            ("smtpd", f"connect from {client}"),
            ("smtpd", f"{queue}: client={client}"),
            ("qmgr", f"{queue}: {message}"),
            ("smtp", f"{queue}: {sent}"),
            ("qmgr", f"{queue}: removed"),
        ):
            when = week.soon(when, 1.5)  # noqa: PLW2901 - each step a moment after the last
            week.bsd("syslog", when, "mail1", f"postfix/{process}[{pid}]", text)


def names(week: Week) -> None:
    """A name server that cannot always find what it is asked for."""
    for when in week.any_time(260):
        name = week.random.choice(("www.example.com", "cdn.example.org", "mx.example.com"))
        record = week.random.choice(("A", "AAAA", "MX"))
        problem = week.random.choice(("network unreachable resolving", "timed out resolving"))
        message = f"{problem} '{name}/{record}/IN': 2001:db8:53::{week.random.randrange(1, 9)}#53"
        week.bsd("syslog", when, "gate", "named[733]", message)


def blocked(week: Week, when: datetime, source: str, dest_port: int) -> None:
    """A packet to the gate that UFW drops."""
    up = (when - MONDAY).total_seconds() + 86400 * 40
    message = (
        f"[{up:.6f}] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:aa:bb:01:52:54:00:cc:dd:02:08:00 "
        f"SRC={source} DST={SERVERS['gate']} LEN=44 TOS=0x00 PREC=0x00 "
        f"TTL={week.random.randrange(44, 250)} ID={week.random.randrange(65536)} PROTO=TCP "
        f"SPT={week.port()} DPT={dest_port} WINDOW=1024 RES=0x00 SYN URGP=0"
    )
    week.iso("kern.log", when, "gate", "kernel", message)


def firewall(week: Week) -> None:
    """The internet's background noise: single packets from everywhere."""
    for when in week.any_time(1100):
        port = week.random.choice((22, 23, 80, 443, 445, 1433, 3306, 3389, 5060, 8080))
        blocked(week, when, week.stranger(), port)


BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
)
PAGES = "/ /about /products /products/17 /products/42 /contact /static/site.css /static/site.js"


def web(
    week: Week,
    when: datetime,
    source: str,
    request: str,
    answer: tuple[int, int],
    *,
    agent: str,
) -> None:
    """One request in the combined log format; the answer is its status and size."""
    stamp = f"{when:%d/%b/%Y:%H:%M:%S} +0000"
    status, size = answer
    line = f'{source} - - [{stamp}] "{request} HTTP/1.1" {status} {size} "-" "{agent}"'
    week.add("access.log", when, line)


def web_visitors(week: Week) -> None:
    """Visitors who look at a few pages; some follow a link that no longer leads anywhere."""
    for when in week.office_hours(750):
        source, agent = week.stranger(), week.random.choice(BROWSERS)
        if week.random.random() < 0.1:
            source = (
                f"2001:db8:{week.random.randrange(1, 4096):x}::{week.random.randrange(1, 99):x}"
            )
        for page in week.random.sample(PAGES.split(), week.random.randrange(2, 7)):
            when = week.soon(when, 20)  # noqa: PLW2901 - the next page of the same visit
            web(
                week,
                when,
                source,
                f"GET {page}",
                (200, week.random.randrange(300, 40000)),
                agent=agent,
            )
        if week.random.random() < 0.06:
            web(week, week.soon(when, 9), source, "GET /summer-sale", (404, 196), agent=agent)


def router(week: Week) -> None:
    """A router that counts its messages, as Cisco's do."""
    number = 41
    for when in week.any_time(150):
        number += 1
        port = f"GigabitEthernet0/{week.random.randrange(1, 5)}"
        state = week.random.choice(("up", "down"))
        denied = f"list 101 denied tcp {week.stranger()}({week.port()}) -> 192.0.2.20(23), 1 packet"
        message = week.random.choice(
            (
                f"%LINK-3-UPDOWN: Interface {port}, changed state to {state}",
                f"%LINEPROTO-5-UPDOWN: Line protocol on Interface {port}, changed state to {state}",
                f"%SEC-6-IPACCESSLOGP: {denied}",
                "%SYS-5-CONFIG_I: Configured from console by alice on vty0 (192.0.2.101)",
            )
        )
        stamp = f"{when:%b} {when.day:>2} {when:%H:%M:%S}"
        week.add("router.log", when, f"{stamp} 192.0.2.254 {number}: r1: {message}")


def nas(week: Week) -> None:
    """A file server that speaks RFC 5424, with structured data."""
    for when in week.office_hours(360):
        person = week.random.choice(PEOPLE)
        data = f'[session@32473 user="{person}" addr="{desk(person)}" share="projects"]'
        share = f"{person} opened share projects"
        stamp = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"
        week.add("nas.log", when, f"<86>1 {stamp} nas1.example.net smbd 812 OPEN {data} {share}")
