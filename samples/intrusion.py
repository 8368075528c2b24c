"""What is hidden in the week: a break-in, a web scan, and things that only look like one."""

from __future__ import annotations

from datetime import datetime, timedelta

from network import BROWSERS, MONDAY, PAGES, SERVERS, Week, blocked, desk, login, web

ATTACKER = "203.0.113.66"
WEB_SCANNER = "198.51.100.23"
CRAWLER = "198.51.100.77"
NIGHT = MONDAY + timedelta(days=2)  # from Tuesday to Wednesday

TRIED = (
    "admin test oracle ubuntu user guest ftp pi mysql support git tomcat nagios jenkins dev demo "
    "student www web data sysadmin postgres1 hadoop steam minecraft zabbix vagrant centos alex info"
).split()


def hidden(week: Week) -> None:
    """Write what a watchful person should find, and what should not worry her."""
    port_scan(week)
    user_enumeration(week)
    brute_force(week)
    break_in(week)
    web_scan(week)
    injection(week)
    decoys(week)


def at(clock: str, day: datetime = NIGHT) -> datetime:
    """A moment of a day, given as HH:MM:SS."""
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def port_scan(week: Week) -> None:
    """The attacker knocks at 400 ports of the gate within six minutes."""
    ports = week.random.sample(range(1, 10000), 400)
    for number, port in enumerate(ports):
        blocked(
            week, week.soon(at("01:52:10") + timedelta(seconds=number * 0.9), 0.8), ATTACKER, port
        )


def failed_password(week: Week, when: datetime, host: str, user: str, known: bool) -> None:
    """One refused password from the attacker, in the lines that sshd and PAM write about it."""
    port, tag = week.port(), f"sshd[{week.pid()}]"
    who = user if known else f"invalid user {user}"
    pam = "pam_unix(sshd:auth): "
    failure = f"{pam}authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={ATTACKER} "
    lines = [
        f"Failed password for {who} from {ATTACKER} port {port} ssh2",
        f"Connection closed by {'authenticating' if known else 'invalid'} user {user} "
        f"{ATTACKER} port {port} [preauth]",
    ]
    if known:
        lines.insert(0, f"{failure} user={user}")
    else:
        unknown = f"Invalid user {user} from {ATTACKER} port {port}"
        lines = [unknown, f"{pam}check pass; user unknown", failure, *lines]
    for line in lines:
        week.bsd("auth.log", when, host, tag, line)
        when = week.soon(when, 0.9)


def user_enumeration(week: Week) -> None:
    """Which accounts are there? 60 names that do not exist, on the gate and on web1."""
    when = at("02:20:05")
    for host in ("gate", "web1"):
        for name in TRIED:
            failed_password(week, when, host, name, known=False)
            when = when + timedelta(seconds=week.random.uniform(4, 12))


def brute_force(week: Week) -> None:
    """An hour of passwords for three accounts of web1, until one is right."""
    when = at("03:06:40")
    while when < at("04:11:20"):
        user = week.random.choice(("root", "root", "backup", "deploy"))
        failed_password(week, when, "web1", user, known=True)
        when += timedelta(seconds=week.random.uniform(4, 9))


# Clock, file, program and message of each step on web1; $ is the session's process number.
BREAK_IN = """\
04:11:37 auth.log sshd[$] Accepted password for backup from 203.0.113.66 port 51514 ssh2
04:11:37 auth.log sshd[$] pam_unix(sshd:session): session opened for user backup(uid=34) by (uid=0)
04:11:38 auth.log systemd-logind[611] New session 4711 of user backup.
04:12:20 auth.log sudo    backup : TTY=pts/0 ; PWD=/var/backups ; USER=root ; COMMAND=/bin/bash
04:12:20 auth.log sudo pam_unix(sudo:session): session opened for user root(uid=0) by backup(uid=34)
04:14:03 auth.log useradd[9007] new user: name=sysupd, UID=0, GID=0, home=/root, shell=/bin/bash
04:14:15 auth.log passwd[9013] pam_unix(passwd:chauthtok): password changed for sysupd
04:16:48 syslog crontab[9044] (root) REPLACE (root)
04:17:01 syslog cron[655] (root) RELOAD (crontabs/root)
04:19:01 syslog systemd[1] Stopping rsyslog.service - System Logging Service...
04:19:01 syslog rsyslogd [origin software="rsyslogd" x-pid="640"] exiting on signal 15.
07:02:11 syslog rsyslogd [origin software="rsyslogd" x-pid="9120"] start"""


def break_in(week: Week) -> None:
    """The right password, root by sudo, a second root, a job in root's crontab, no more logs."""
    week.silent["web1"] = (at("04:19:02"), at("07:02:11"))
    session = str(week.pid())
    for step in BREAK_IN.splitlines():
        clock, file, process, message = step.split(" ", 3)
        week.bsd(file, at(clock), "web1", process.replace("$", session), message)
    for later in week.every(360, 55 * 60):
        if later > at("07:02:11"):
            job = "(root) CMD (/var/tmp/.cache/upd >/dev/null 2>&1)"
            week.bsd("syslog", later, "web1", f"CRON[{week.pid()}]", job)


PROBED = (
    "/.env /.git/config /admin.php /wp-login.php /phpmyadmin/ /backup.zip /id_rsa /xmlrpc.php "
    "/cgi-bin/test.cgi /manager/html /server-status /actuator/env /../../etc/passwd /shell.php"
).split()


def web_scan(week: Week) -> None:
    """Thursday: someone asks web1 for 300 files that it does not have."""
    when = at("14:31:09", MONDAY + timedelta(days=3))
    for number in range(300):
        path = (
            PROBED[number] if number < len(PROBED) else f"/{week.random.randrange(16**6):06x}.php"
        )
        web(week, when, WEB_SCANNER, f"GET {path}", (404, 196), agent="Mozilla/5.0 (Nikto/2.5.0)")
        when = week.soon(when, 1.2)


SQL_TOOL = "sqlmap/1.8#stable (https://sqlmap.org)"


def injection(week: Week) -> None:
    """The same address, an hour later, tries SQL in the product number."""
    when = at("15:40:02", MONDAY + timedelta(days=3))
    payloads = (
        "17%27%20OR%20%271%27=%271",
        "17%20UNION%20SELECT%20NULL,version()--",
        "17;%20DROP%20TABLE%20users--",
        "17%20AND%20SLEEP(5)",
        "17%20UNION%20ALL%20SELECT%20user,password%20FROM%20mysql.user--",
    )
    for _ in range(90):
        request = f"GET /products?id={week.random.choice(payloads)}"
        status = week.random.choice((200, 403, 500))
        web(week, when, WEB_SCANNER, request, (status, 512), agent=SQL_TOOL)
        when = week.soon(when, 2.5)


def decoys(week: Week) -> None:
    """Things that are none of the above."""
    # Someone who mistypes her password three times, and then is in.
    when, address = at("08:55:12", MONDAY + timedelta(days=1)), desk("carol")
    tag, port = f"sshd[{week.pid()}]", week.port()
    for _ in range(3):
        message = f"Failed password for carol from {address} port {port} ssh2"
        week.bsd("auth.log", when, "db1", tag, message)
        when += timedelta(seconds=7)
    login(week, when, "carol", "db1")
    # A crawler that asks for pages of long ago, slowly.
    for when in week.every(95, 31):
        agent = "examplebot/1.0 (+https://bot.example.org)"
        web(week, when, CRAWLER, f"GET /news/{week.random.randrange(900)}", (404, 196), agent=agent)
        web(
            week,
            week.soon(when, 30),
            CRAWLER,
            f"GET {week.random.choice(PAGES.split())}",
            (200, 5120),
            agent=agent,
        )
    # A form that asks about SQL: words that look like an attack, and are not one.
    for when in week.office_hours(6):
        web(
            week,
            when,
            desk("bob"),
            "GET /search?q=select+a+union+representative",
            (200, 4096),
            agent=BROWSERS[0],
        )
    # Bots that everybody who has SSH open sees: a try or two each, from ever new addresses.
    for when in week.any_time(170):
        source, host = week.stranger(), week.random.choice(list(SERVERS))
        tag, port, name = f"sshd[{week.pid()}]", week.port(), week.random.choice(TRIED)
        week.bsd("auth.log", when, host, tag, f"Invalid user {name} from {source} port {port}")
        message = f"Failed password for invalid user {name} from {source} port {port} ssh2"
        week.bsd("auth.log", week.soon(when, 1), host, tag, message)
