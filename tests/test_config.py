"""siemstress.conf: every spelling of a store, and every mistake told in a line without a secret."""

from __future__ import annotations

import os
import pickle
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siemstress import config
from siemstress.config import Config, Server, Tls, load
from siemstress.config import server as servers
from siemstress.errors import ConfigError
from siemstress.rules import settings

SECRET = "s3cr3t-Pa55"  # noqa: S105


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (config.STORE_VARIABLE, config.PASSWORD_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(servers, "SOCKETS", (str(tmp_path / "no-socket"),))


def written(folder: Path, *lines: str, name: str = "siemstress.conf", more: str = "") -> Path:
    path = folder / name
    path.touch(mode=0o600)
    path.write_text("\n".join(["[siemstress]", *lines, "", more, ""]))
    return path


def read(folder: Path, *lines: str) -> Config:
    return load(written(folder, *lines))


def server(found: Config) -> Server:
    assert found.server is not None
    return found.server


def mistake(folder: Path, *lines: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, *lines)
    text = str(caught.value)
    assert text.startswith(f"{folder}/siemstress.conf [siemstress] ")
    assert "\n" not in text
    assert SECRET not in text
    return text.removeprefix(f"{folder}/siemstress.conf [siemstress] ")


def test_the_originals_config(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "server=127.0.0.1",
        "user=siem",
        "password=100%sure",
        "database=logs",
    )
    assert server(found) == Server("127.0.0.1", "siem", "100%sure", "logs")
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("db", "db", 3306),
        ("db.example.net", "db.example.net", 3306),
        ("db_1:3307", "db_1", 3307),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("::1", "::1", 3306),
        ("[::1]", "::1", 3306),
        ("[2001:db8::7]:3307", "2001:db8::7", 3307),
        ("fe80::1%eth0", "fe80::1%eth0", 3306),
        ("mariadb://db", "db", 3306),
        ("mariadb://db:3307/", "db", 3307),
        ("MariaDB://u@[2001:db8::7]:3307/x", "2001:db8::7", 3307),
        ("mariadb://", "localhost", 3306),
    ],
)
def test_addresses(tmp_path: Path, value: str, host: str, port: int) -> None:
    found = server(read(tmp_path, f"server={value}"))
    assert (found.host, found.port, found.socket) == (host, port, None)


@pytest.mark.parametrize(
    "line",
    [
        "server=/run/db/s",
        "socket=/run/db/s",
        "server=localhost\nsocket=/run/db/s",
        "store=mariadb://?socket=/run/db/s",
        "store=mariadb://localhost/siemstressdb?socket=%2frun%2Fdb%2fs",
        "store=mariadb://%2Frun%2Fdb%2Fs",
    ],
)
def test_sockets(tmp_path: Path, line: str) -> None:
    found = read(tmp_path, line, *(["user=siem"] if "://" not in line else []))
    assert server(found).socket == Path("/run/db/s")
    assert server(found).host == "localhost"
    assert found.warnings == ()


def test_a_socket_is_relative_to_the_file(tmp_path: Path) -> None:
    assert server(read(tmp_path, "socket=run/s")).socket == tmp_path / "run/s"
    assert server(read(tmp_path, "server=./run/s")).socket == tmp_path / "run/s"


def test_localhost_is_the_local_socket_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    monkeypatch.setattr(servers, "SOCKETS", (str(tmp_path / "none"), str(path)))
    path.touch()
    assert server(read(tmp_path, "server=localhost")).socket is None
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert server(read(tmp_path, "server=localhost")).socket == path
        assert server(read(tmp_path, "server=mariadb://localhost/x")).socket == path
        for other in ("server=127.0.0.1", "server=localhost:3306", "server=localhost\nport=3306"):
            assert server(read(tmp_path, other)).socket is None
        assert server(read(tmp_path, "server=localhost", "tls=yes")).socket is None


def test_a_url_is_the_same_as_keys(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    wanted = Server("db", "a@b", "p:/?#@%é", "logs-1", 3307, tls=Tls(tmp_path / "ca.pem"))
    url = "mariadb://a%40b:p%3A%2F%3F%23%40%25%C3%A9@db:3307/logs-1?tls_ca=ca.pem"
    for key in ("server", "store"):
        assert server(read(tmp_path, f"{key}={url}")) == wanted
    keys = ("user=a@b", "password=p:/?#@%é", "database=logs-1", "port=3307", "tls_ca=ca.pem")
    assert server(read(tmp_path, "server=db", *keys)) == wanted


@given(
    user=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1),
    password=st.text(st.characters(codec="utf-8")),
)
def test_any_user_and_password_goes_into_a_url(user: str, password: str) -> None:
    from urllib.parse import quote

    keys = config.Keys(
        {"store": f"mariadb://{quote(user, safe='')}:{quote(password, safe='')}@db/x"},
        "x.conf",
        Path("/"),
    )
    found, _ = servers.read_url(keys, "store")
    assert (found.user, found.password) == (user.strip() or servers.USER, password)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["server=db:x"], "server: must be a host name, an address, HOST:PORT"),
        (["server=db:0"], "server: must be a host name, an address, HOST:PORT"),
        (["server=db:65536"], "server: must be a host name"),
        (["server=db:٣"], "server: must be a host name"),
        (["server=a b"], "server: must be a host name"),
        (["server=user@db"], "server: must be a host name"),
        (["server=1::2::3"], "server: must be a host name"),
        (["server=[db]:1"], "server: must be a host name"),
        (["server=[::1]x"], "server: must be a host name"),
        (["server=postgres://db"], "server: must be a host name"),
        (["server=db", "port=70000"], "port: must be a number from 1 to 65535"),
        (["server=db:1", "port=2"], "port: is not the one that stands in `server`"),
        (["server=db", "socket=/s"], "socket: is for a server on this machine"),
        (["server=/s", "tls=yes"], "tls: is for a connection by network"),
        (["server=db", "tls=perhaps"], "tls: must be yes or no"),
        (["server=db", "tls=no", "tls_ca=x"], "tls_ca: is of no use with tls=no"),
        (["server=db", "tls_key=x"], "tls_key: is of no use without `tls_cert`"),
        (["server=db", "tls_ca=x"], "tls_ca: {folder}/x cannot be read: No such file"),
        (["server=db", "database=a/b"], "database: must be a database's name"),
        (["server=db", f"database={'x' * 65}"], "database: must be a database's name"),
        (["server=db", "password_file=x"], "password_file: {folder}/x cannot be read: No such"),
        (["server=db", "password_file=."], "password_file: {folder} cannot be read: Is a"),
        (["server=db", f"password={SECRET}", "password_file=x"], "password_file: and `password`"),
        (["server=mariadb://db", f"password={SECRET}"], "password: goes into the URL of `server`"),
        (["store=mariadb://db", "server=db"], "server: goes into the URL of `store`"),
        (["store=lake", "server=db"], "server: is for a server, but `store` names the lake"),
        (["store=postgres"], "store: must be lake, the path of its folder, or mariadb://"),
        (["store=postgres://db"], "store: must be lake"),
        (["store=/a", "lake=/b"], "lake: names another folder than `store`"),
        (["store=~nobody-of-this-name/x"], "store: must be a path"),
        ([f"store=mariadb://u:{SECRET}@db:x/y"], "store: `server` must be"),
        ([f"store=mariadb://u:{SECRET}@db/y#z"], "store: has a `#`"),
        ([f"store=mariadb://u:{SECRET}@x@db/y"], "store: has an `@` or `:` too many"),
        ([f"store=mariadb://u:x:{SECRET}@db/y"], "store: has an `@` or `:` too many"),
        ([f"store=mariadb://u:12/{SECRET}@db/y"], "store: must be mariadb://USER:PASSWORD@HOST"),
        ([f"store=mariadb://u:x?{SECRET}@db/y"], "store: must be mariadb://USER:PASSWORD@HOST"),
        ([f"store=mariadb://u:{SECRET}%ff@db/y"], "store: has a password that is not UTF-8"),
        (["store=mariadb://db/x?ssl=1"], "store: has an unknown parameter; there are: password"),
        (["store=mariadb://db/x?tls=no&tls=yes"], "store: has `tls` twice"),
        (["store=mariadb://db/x?tls_ca=x"], "store: `tls_ca` {folder}/x cannot be read"),
        (["store=mariadb://db/x/y"], "store: must be mariadb://"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    assert mistake(tmp_path, *lines).startswith(message.format(folder=tmp_path))


def test_the_lake_by_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    default = config.default_lake()
    assert read(tmp_path).lake == read(tmp_path, "store=lake").lake == default
    for line in ("lake=x/y", "store=x/y", "store=lake\nlake=x/y", "store=x/y\nlake=x/y"):
        found = read(tmp_path, line)
        assert (found.lake, found.server) == (tmp_path / "x/y", None)
    assert read(tmp_path, "store=/srv/x").lake == Path("/srv/x")


def test_keys_without_use_are_told(tmp_path: Path) -> None:
    (warning,) = read(tmp_path, "user=x").warnings
    assert warning.endswith("[siemstress] user: is of no use without `server`")
    (warning,) = read(tmp_path, "server=::1", "lake=x").warnings
    assert warning.endswith("[siemstress] lake: is not used: the store is a server")
    (warning,) = read(tmp_path, "sever=db").warnings
    assert "[siemstress] sever: no such key, ignored; there are: " in warning


def test_a_password_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    for text, wanted in ((SECRET, SECRET), (f"{SECRET} \n", f"{SECRET} "), ("a\r\n", "a")):
        path.write_bytes(text.encode())
        for line in (
            "server=::1\npassword_file=secret",
            "store=mariadb://[::1]?password_file=secret",
        ):
            found = read(tmp_path, line)
            assert server(found).password == wanted
            assert found.warnings == ()
    path.chmod(0o644)
    (warning,) = read(tmp_path, "server=::1", "password_file=secret").warnings
    assert warning == f"{path}: holds a password and can be read by others; chmod 600 {path}"
    for wrong in (b"", b"\n", f"{SECRET}\n\n".encode(), f"{SECRET}\0".encode(), b"\xff"):
        path.write_bytes(wrong)
        text = mistake(tmp_path, "server=::1", "password_file=secret")
        assert text.startswith(f"password_file: {path} ")


def test_a_password_in_the_config_that_others_can_read(tmp_path: Path) -> None:
    for line in (
        "server=::1\npassword=x",
        "store=mariadb://u:x@[::1]",
        "server=mariadb://u:x@[::1]",
    ):
        path = written(tmp_path, line)
        assert load(path).warnings == ()
        path.chmod(0o644)
        (warning,) = load(path).warnings
        assert "holds a password and can be read by others" in warning
        path.chmod(0o600)
    path = written(tmp_path, "store=mariadb://u@[::1]")
    path.chmod(0o644)
    assert load(path).warnings == ()


def test_the_environments_password_comes_before_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.PASSWORD_VARIABLE, "")
    assert server(read(tmp_path, "server=::1", "password=x")).password == "x"  # noqa: S105
    monkeypatch.setenv(config.PASSWORD_VARIABLE, f" {SECRET} ")
    for line in (
        "server=::1",
        "server=::1\npassword=x",
        "server=::1\npassword_file=not-there",
        "server=mariadb://u:p@[::1]/x",
    ):
        assert server(read(tmp_path, line)).password == f" {SECRET} "


def test_the_environments_store_comes_before_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections = "[auth]\ntable=A\n"
    path = written(tmp_path, "server=elsewhere", f"password={SECRET}", more=sections)
    monkeypatch.setenv(config.STORE_VARIABLE, "mariadb://u@[::1]/logs")
    found = load(path)
    # The file's password is for the file's server alone.
    assert server(found) == Server("::1", "u", "", "logs")
    assert set(found.sections) == {"auth"}
    assert settings.load(written(tmp_path, "lake=x", name="t.conf")).config.server == found.server
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    assert load().server == found.server
    monkeypatch.setenv(config.STORE_VARIABLE, "./here")
    monkeypatch.chdir(tmp_path)
    assert (load(path).lake, load(path).server) == (tmp_path / "here", None)
    monkeypatch.setenv(config.STORE_VARIABLE, f"mariadb://u:{SECRET}@db:x")
    with pytest.raises(ConfigError, match=r"^SIEMSTRESS_STORE: `server` must be") as caught:
        load(path)
    assert SECRET not in str(caught.value)


def test_a_connection_that_is_not_encrypted_is_told(tmp_path: Path) -> None:
    (warning,) = read(tmp_path, "server=db.example.net").warnings
    assert warning.startswith(f"{tmp_path}/siemstress.conf [siemstress] server: ")
    assert "unencrypted to db.example.net; tls=yes" in warning
    (warning,) = read(tmp_path, "store=mariadb://10.0.0.1").warnings
    assert "[siemstress] store: " in warning
    for quiet in (
        "localhost",
        "127.3.2.1",
        "::1",
        "db\ntls=yes",
        "db\ntls=no",
        "mariadb://d?tls=no",
    ):
        assert read(tmp_path, f"server={quiet}").warnings == ()


def test_tls(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    assert server(read(tmp_path, "server=db", "tls=Yes")).tls == Tls()
    assert server(read(tmp_path, "server=db", "tls_ca=ca")).tls == Tls(tmp_path / "ca")
    found = server(read(tmp_path, "server=db", "tls=on", "tls_cert=cert", "tls_key=key"))
    assert found.tls == Tls(None, tmp_path / "cert", tmp_path / "key")
    assert server(read(tmp_path, "server=db", "tls=no")).tls is None


def test_the_password_is_in_no_text_about_a_config(tmp_path: Path) -> None:
    found = read(tmp_path, f"server=mariadb://u:{SECRET}@[::1]/x")
    assert server(found).password == SECRET
    for text in (repr(found), str(found), repr(found.server), f"{found}"):
        assert SECRET not in text
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("36h", timedelta(hours=36)),
        ("90d", timedelta(days=90)),
        (" 12 W ", timedelta(weeks=12)),
        ("2y", timedelta(days=730)),
        ("", None),
    ],
)
def test_how_long_events_are_kept(tmp_path: Path, text: str, span: timedelta | None) -> None:
    path = written(tmp_path, more=f"[auth]\ntable=A\nkeep={text}\n")
    assert load(path).section("auth").keep == span


@pytest.mark.parametrize("text", ["90", "d", "0d", "-1d", "1.5d", "90m", "999999y", "٣d", "1d 2h"])
def test_spans_that_are_none(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, more=f"[auth]\ntable=A\nkeep={text}\n")
    with pytest.raises(ConfigError, match=r"\[auth\] keep: must be a span of time, as 36h, 90d"):
        load(path)


def test_one_table_is_kept_for_one_time(tmp_path: Path) -> None:
    more = "[a]\ntable=T\nkeep=7d\n[b]\ntable=t\n"
    with pytest.raises(ConfigError, match=r"\[b\] keep: must be as in \[a\], which has the same"):
        load(written(tmp_path, more=more))
    assert load(written(tmp_path, more=f"{more}keep=1w\n")).section("b").keep == timedelta(7)


def test_siemtrigger_conf_has_the_same_keys(tmp_path: Path) -> None:
    written(tmp_path, "server=mine", "password_file=not-for-siemtrigger", more="[a]\ntable=T\n")
    path = written(tmp_path, f"server=mariadb://t:{SECRET}@[::1]/x", name="siemtrigger.conf")
    found = settings.load(path)
    assert found.config.server == Server("::1", "t", SECRET, "x")
    assert set(found.config.sections) == {"a"}
    assert found.warnings == ()
    written(tmp_path, "store=mariadb://db", name="siemtrigger.conf")
    (warning,) = settings.load(path).warnings
    assert f"{path} [siemstress] store: " in warning
    written(tmp_path, "server=db", "port=x", name="siemtrigger.conf")
    with pytest.raises(ConfigError, match=r"siemtrigger.conf \[siemstress\] port: must be a num"):
        settings.load(path)


def test_a_config_of_nobodys_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path / "none.conf")
    assert not os.environ.get(config.STORE_VARIABLE)
