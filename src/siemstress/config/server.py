"""The MariaDB server that a config names: its address, who is to be let in, and TLS.

Passwords are in no message: values are never shown where one may stand in them.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from siemstress.config.ini import Keys

PORT = 3306
USER = "siemstress"
DATABASE = "siemstressdb"
PASSWORD_VARIABLE = "SIEMSTRESS_PASSWORD"  # noqa: S105 - the name of a variable
SCHEME = "mariadb://"
TLS_KEYS = frozenset({"tls", "tls_ca", "tls_cert", "tls_key"})
SERVER_KEYS = TLS_KEYS | {
    *("server", "port", "socket", "user", "password", "password_file", "database")
}
# What stands in a URL itself; the other keys may be its parameters.
_URL_PARTS = frozenset({"server", "port", "user", "password", "database"})

# Where a server on this machine listens, on one system or another.
SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",  # noqa: S108 - where MariaDB puts it when nobody says otherwise
)

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})\Z")
_ADDRESS = "must be a host name, an address, HOST:PORT, [IPV6]:PORT or the path of a socket"
_ENCODE = "in a URL, `@ : / ? # & %` of a user or password are written %40 %3A %2F %3F %23 %26 %25"
_UNENCRYPTED = "logs and the password's hash travel unencrypted"
_ENCRYPT = "tls=yes ends that (tls_ca=FILE for an authority of your own), tls=no this warning"
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


@dataclass(frozen=True)
class Tls:
    """TLS: the authorities that verify a server (None: the system's), and what proves the user."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Server:
    """A MariaDB server to keep the tables in, by a socket or by host and port."""

    host: str
    user: str
    password: str = field(repr=False)
    database: str
    port: int = PORT
    socket: Path | None = None
    tls: Tls | None = None


def read_server(keys: Keys) -> tuple[Server | None, tuple[str, ...]]:
    """The server that the keys name, if they name one, and warnings about it.

    Raises:
        ConfigError: a key is wrong; says which.

    """
    if keys.get("server").lower().startswith(SCHEME):
        return read_url(keys, "server")
    if not keys.get("server") and not keys.get("socket"):
        return None, ()
    return _server(keys)


def read_url(keys: Keys, name: str) -> tuple[Server, tuple[str, ...]]:
    """The server that the URL in a key names; the key's neighbours must name no other.

    Raises:
        ConfigError: the URL or something in it is wrong, or another key contradicts it.

    """
    for other in sorted(SERVER_KEYS - {name}):
        if keys.get(other):
            raise keys.mistake(other, f"goes into the URL of `{name}`")
    inside = Keys(_url_values(keys, name), keys.file, keys.folder, keys.section, name)
    return _server(inside)


def password_is_shown(keys: Keys) -> bool:
    """Whether a password stands in the keys themselves."""
    urls = (keys.get("store"), keys.get("server"))
    return bool(keys.get("password")) or any(
        re.match(r"\w+://[^/?]*:[^/?]+@", url) is not None for url in urls
    )


def rights_warnings(path: Path) -> tuple[str, ...]:
    """A warning where a file that holds a password can be read by everybody."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o044:
        return ()
    return (f"{path}: holds a password and can be read by others; chmod 600 {path}",)


def _url_values(keys: Keys, name: str) -> dict[str, str]:
    """A URL's parts and parameters as the keys that they stand for."""
    rest = keys.get(name)[len(SCHEME) :]
    if "#" in rest:
        raise keys.mistake(name, f"has a `#`; {_ENCODE}")
    rest, _, query = rest.partition("?")
    authority, _, database = rest.partition("/")
    if "@" in database + query or "/" in database:
        raise keys.mistake(name, f"must be {SCHEME}USER:PASSWORD@HOST:PORT/DATABASE; {_ENCODE}")
    login, _, place = authority.rpartition("@")
    user, _, password = login.partition(":")
    if "@" in login or ":" in password:
        raise keys.mistake(name, f"has an `@` or `:` too many; {_ENCODE}")
    values = {"server": place, "user": user, "password": password, "database": database}
    for part in query.split("&") if query else ():
        parameter, _, value = part.partition("=")
        if parameter not in SERVER_KEYS - _URL_PARTS:
            known = ", ".join(sorted(SERVER_KEYS - _URL_PARTS))
            raise keys.mistake(name, f"has an unknown parameter; there are: {known}")
        if parameter in values:
            raise keys.mistake(name, f"has `{parameter}` twice")
        values[parameter] = value
    for part, value in values.items():
        try:
            values[part] = unquote_to_bytes(value).decode()
        except UnicodeDecodeError as e:
            raise keys.mistake(name, f"has a {part} that is not UTF-8") from e
    if not values["server"] and not values.get("socket"):
        values["server"] = "localhost"
    return values


def _server(keys: Keys) -> tuple[Server, tuple[str, ...]]:
    host, port, socket = _address(keys)
    tls = _tls(keys)
    if tls is None and host == "localhost" and not keys.get("port") and port is None:
        # As MariaDB's own programs do.
        socket = socket or next((Path(s) for s in SOCKETS if Path(s).is_socket()), None)
    if socket and tls:
        raise keys.mistake("tls", "is for a connection by network; a socket needs none")
    password, warnings = _password(keys)
    server = Server(
        host=host,
        user=keys.get("user") or USER,
        password=password,
        database=_database(keys),
        port=port or PORT,
        socket=socket,
        tls=tls,
    )
    if not (socket or tls or keys.get("tls") or _is_this_machine(host)):
        warnings += (str(keys.mistake("server", f"{_UNENCRYPTED} to {host}; {_ENCRYPT}")),)
    return server, warnings


def _address(keys: Keys) -> tuple[str, int | None, Path | None]:
    """Host, port if it is given, and socket if there is one."""
    value = keys.get("server")
    if keys.get("socket"):
        if value not in ("", "localhost"):
            raise keys.mistake("socket", "is for a server on this machine; take one of them out")
        return "localhost", None, keys.path("socket")
    if value.startswith(("/", "~", "./", "../")):
        return "localhost", None, keys.resolved("server", value)
    host, number = value, ""
    if match := re.fullmatch(r"\[([^\]]*)\](?::(.*))?", value):
        host, number = match[1], match[2] or ""
        if ":" not in host:
            raise keys.mistake("server", _ADDRESS)
    elif value.count(":") == 1:
        host, _, number = value.partition(":")
    if not (_is_ipv6(host) if ":" in host else _HOST.match(host)):
        raise keys.mistake("server", _ADDRESS)
    given = keys.get("port")
    if number and given and number != given:
        raise keys.mistake("port", "is not the one that stands in `server`")
    return host, _port(keys, "server" if number else "port", number or given), None


def _port(keys: Keys, name: str, number: str) -> int | None:
    if not number:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) < 65536:
        what = "must be" if name == "port" else f"{_ADDRESS}, PORT"
        raise keys.mistake(name, f"{what} a number from 1 to 65535")
    return int(number)


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_this_machine(host: str) -> bool:
    if host.lower() in ("localhost", "ip6-localhost", "localhost.localdomain"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _database(keys: Keys) -> str:
    name = keys.get("database") or DATABASE
    if len(name) > 64 or not name.isprintable() or re.search(r"[/\\.]", name):
        raise keys.mistake("database", "must be a database's name, up to 64 characters")
    return name


def _password(keys: Keys) -> tuple[str, tuple[str, ...]]:
    """The password, from the environment or as the keys say, and warnings about its file."""
    path = keys.path("password_file")
    if path and keys.values.get("password"):
        raise keys.mistake("password_file", "and `password` are both there; take one out")
    if given := os.environ.get(PASSWORD_VARIABLE):
        return given, ()
    if path is None:
        return keys.values.get("password", ""), ()
    try:
        text = path.read_bytes().decode()
    except OSError as e:
        raise keys.mistake("password_file", f"{path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise keys.mistake("password_file", f"{path} is not UTF-8 text") from e
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or re.search(r"[\n\r\0]", text):
        raise keys.mistake("password_file", f"{path} must hold the password, one line of text")
    return text, rights_warnings(path)


def _tls(keys: Keys) -> Tls | None:
    wanted = keys.get("tls").lower()
    if wanted not in ("", *_YES, *_NO):
        raise keys.mistake("tls", "must be yes or no")
    given = {name: path for name in sorted(TLS_KEYS) if name != "tls" and (path := keys.path(name))}
    if wanted in _NO and given:
        raise keys.mistake(next(iter(given)), "is of no use with tls=no")
    if not given and wanted not in _YES:
        return None
    if keys.get("tls_key") and not keys.get("tls_cert"):
        raise keys.mistake("tls_key", "is of no use without `tls_cert`")
    for name, path in given.items():
        try:
            path.open("rb").close()
        except OSError as e:
            raise keys.mistake(name, f"{path} cannot be read: {e.strerror}") from e
    return Tls(given.get("tls_ca"), given.get("tls_cert"), given.get("tls_key"))
