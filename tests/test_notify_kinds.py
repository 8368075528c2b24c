"""Each kind of notifier, to a receiver that is real, with what attackers would have in it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates import Authority
from notifying import HOSTILE, Web, dripping, message, receiver, send
from siemstress.errors import ConfigError
from siemstress.notify.base import NotSent
from siemstress.notify.builtin import slack, syslog, teams
from siemstress.notify.filling import fill, read_template
from siemstress.notify.message import of_many, of_test

ONE = message()
EVIL = message(message=HOSTILE, group_key=json.dumps({"source_host": HOSTILE}), source_rule=HOSTILE)


# Webhooks ---------------------------------------------------------------------------------------


def test_a_webhook_gets_all_that_is_known(tmp_path: Path) -> None:
    with Web().running() as web:
        send(tmp_path, f"kind=webhook\nurl={web.url}\nheader=Authorization: Bearer t0ken")
    ((headers, body),) = web.got
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["X-Siemstress-Message"] == headers["Idempotency-Key"] == "message1"
    assert body["alert_id"] == "alert1"
    assert body["severity"] == 3
    assert body["level"] == "err"
    assert body["title"] == "Guessing of passwords, number 1"


def test_a_template_is_filled(tmp_path: Path) -> None:
    template = '{"text": "{level}: {message} from {group.source_host} {nothing}!",\n "n": {events}, "t": {tags}, "g": [{group}, {nothing}]}'  # noqa: E501 - one line for the config
    with Web().running() as web:
        send(tmp_path, f"kind=webhook\nurl={web.url}\ntemplate={template.replace(chr(10), '')}")
    assert web.bodies == [
        {
            "text": "err: Guessing of passwords, number 1 from 203.0.113.9 !",
            "n": 5,
            "t": ["attack.t1110"],
            "g": [{"source_host": "203.0.113.9"}, None],
        }
    ]


@given(st.text(), st.one_of(st.integers(), st.lists(st.text()), st.none()))
def test_whatever_is_filled_in_stays_where_it_is(text: str, value: object) -> None:
    template = read_template('{"a": "<{x}>", "b": {y}, "{x}": {"c": ["{x}", 1]}}')
    found = json.loads(json.dumps(fill(template, {"x": text, "y": value})))
    assert found == {"a": f"<{text}>", "b": value, "{x}": {"c": [text, 1]}}


@pytest.mark.parametrize("text", ['{"a": }', '{"a": "{x}}', "{x", "[" * 100_000, '"\\u0000x"', "x"])
def test_a_template_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_template(text)


def test_redirects_are_not_followed(tmp_path: Path) -> None:
    with Web().running() as other:
        web = Web((307, {"Location": other.url}, b""))
        with web.running(), pytest.raises(NotSent, match="not followed"):
            send(tmp_path, f"kind=webhook\nurl={web.url}")
    assert other.got == []


def test_a_receiver_that_wants_peace_has_it(tmp_path: Path) -> None:
    web = Web((429, {"Retry-After": "120"}, b"slow \x1b[2J down"))
    with web.running(), pytest.raises(NotSent) as caught:
        send(tmp_path, f"kind=slack\nurl={web.url}")
    assert caught.value.after == 120
    assert str(caught.value) == "127.0.0.1: 429: slow \\x1b[2J down"


def test_a_server_must_prove_who_it_is(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    with Web().running(ours.sign("web", "IP:127.0.0.1")) as web:
        text = f"kind=webhook\nurl={web.url}\ntls_ca="
        send(tmp_path, f"{text}{ours.certificate}")
        assert len(web.got) == 1
        for ca in (f"{text}{theirs.certificate}", f"kind=webhook\nurl={web.url}"):
            with pytest.raises(NotSent, match=r"(?i)certificate") as caught:
                send(tmp_path, ca)
            assert "S3CRET" not in str(caught.value)
    with Web().running(ours.sign("other", "DNS:elsewhere")) as web, pytest.raises(NotSent):
        send(tmp_path, f"kind=webhook\nurl={web.url}\ntls_ca={ours.certificate}")
    assert web.got == []


def test_an_answer_that_never_ends_is_left(tmp_path: Path) -> None:
    """A byte now and then keeps to every time limit but that of the whole."""
    with dripping(b"HTTP/1.1 200 OK\r\nX: ") as port:
        began = time.monotonic()
        with pytest.raises(NotSent, match="within 1 s"):
            send(tmp_path, f"kind=webhook\nurl=http://127.0.0.1:{port}/\ntimeout=1")
        assert time.monotonic() - began < 10


# Chats ------------------------------------------------------------------------------------------


def test_slack_is_told_plain_text(tmp_path: Path) -> None:
    with Web().running() as web:
        send(tmp_path, f"kind=slack\nurl={web.url}", ONE, EVIL)
    plain, evil = web.bodies
    assert plain["text"] == "[err] Guessing of passwords, number 1"
    assert plain["blocks"][0]["text"]["text"] == plain["text"]
    assert "<" not in evil["text"]
    texts = [b["text"] for b in evil["blocks"] if "text" in b]
    texts += [field for b in evil["blocks"] for field in b.get("fields", ())]
    assert {text["type"] for text in texts} == {"plain_text"}
    assert not any(c in json.dumps(evil, ensure_ascii=False) for c in "\x1b\r\u202e")


def test_mattermost_is_told_code(tmp_path: Path) -> None:
    with Web().running() as web:
        send(tmp_path, f"kind=mattermost\nurl={web.url}\nchannel=soc", ONE, EVIL)
    plain, evil = web.bodies
    assert plain["channel"] == "soc"
    for text in (plain["text"], evil["text"]):
        head, fence, rest = text.partition("\n```text\n")
        assert head == "**err**"
        assert rest.endswith("\n```")
        assert "`" not in rest[:-4]
        assert fence
    assert "rule: ssh guess" in plain["text"]


def test_teams_is_told_a_card_without_markdown(tmp_path: Path) -> None:
    with Web().running() as web:
        send(tmp_path, f"kind=teams\nurl={web.url}", ONE, EVIL)
    for body in web.bodies:
        (attachment,) = body["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        runs = [run for block in attachment["content"]["body"] for run in block["inlines"]]
        assert {run["type"] for run in runs} == {"TextRun"}
        assert not any("{{" in run["text"] for run in runs)


def test_large_summaries_are_cut() -> None:
    rows = [
        {"message": "ü" * 5000, "source_rule": f"r{n}" * 500, "alert_id": "a"} for n in range(999)
    ]
    found = of_many("id", 999, rows)
    assert len(json.dumps(teams.payload(found), ensure_ascii=False).encode()) < 28_000
    for block in slack.payload(found)["blocks"]:  # type: ignore[attr-defined] # as it is made
        assert len(block["text"]["text"]) <= 3000
    assert len(syslog.line_of(found, 16)) < 8000


# Commands and files -----------------------------------------------------------------------------


def program(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o700)
    return path


def test_a_command_has_the_alert_and_no_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIEMSTRESS_PASSWORD", "x")
    path = program(
        tmp_path,
        "import json, os, sys\n"
        "out = dict(argv=sys.argv[1:], json=json.load(sys.stdin), env=dict(os.environ))\n"
        f"json.dump(out, open({str(tmp_path / 'out')!r}, 'w'))\n",
    )
    evil = message(message="$(touch x); `touch x` \0", group_key='{"LD_PRELOAD": "x", "a b": "y"}')
    send(tmp_path, f"kind=command\ncommand={path} 'one two' $HOME", evil)
    found = json.loads((tmp_path / "out").read_text())
    assert found["argv"] == ["one two", "$HOME"]
    assert found["json"]["alert_id"] == "alert1"
    assert found["env"]["SIEM_MESSAGE"] == "$(touch x); `touch x` "
    assert found["env"]["SIEM_SEVERITY"] == "3"
    assert found["env"]["SIEM_A_B"] == "y"
    assert "LD_PRELOAD" not in found["env"]
    assert "SIEMSTRESS_PASSWORD" not in found["env"]


def test_a_command_that_fails_or_hangs(tmp_path: Path) -> None:
    path = program(tmp_path, "import sys\nsys.exit('no \\x1b[2J good')")
    with pytest.raises(NotSent, match=r"exit status 1: no \\x1b\[2J good"):
        send(tmp_path, f"kind=command\ncommand={path}")
    path = program(tmp_path, "import os\nos.system('sleep 60')")
    began = time.monotonic()
    with pytest.raises(NotSent, match="not done within 1 s"):
        send(tmp_path, f"kind=command\ncommand={path}\ntimeout=1")
    assert time.monotonic() - began < 15
    path = program(tmp_path, "import sys\nfor _ in range(3000): sys.stderr.write('x' * 1000)")
    send(tmp_path, f"kind=command\ncommand={path}")


def test_lines_of_a_file_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "told"
    path.write_text('{"half": ')
    send(tmp_path, "kind=file\npath=told", ONE, EVIL)
    half, *lines = path.read_text().split("\n")[:-1]
    assert half == '{"half": '
    assert [json.loads(line)["message"] for line in lines] == [ONE.values["message"], HOSTILE]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "told")
    with pytest.raises(NotSent):
        send(tmp_path, "kind=file\npath=told")


# Mistakes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("kind=fax", "kind: is unknown; there are: blockfile, command, email, file"),
        ("", "kind: is missing"),
        ("kind=slack", "url: is missing"),
        ("kind=slack\nurl=http://example.com/S3CRET", "url: must be https"),
        ("kind=slack\nurl=ftp://example.com/S3CRET", "url: must be https"),
        ("kind=slack\nurl=https://[", "url: must be https"),
        ("kind=slack\nurl=https://example.com/\ncolour=red", "colour: no such key for kind slack"),
        ("kind=slack\nurl=https://example.com/\ntls_ca=nothing", "tls_ca: "),
        ("kind=webhook\nurl=https://a/\ntemplate={\"a\": }", "template: is no JSON"),
        ("kind=webhook\nurl=https://a/\nheader=nothing", "header: must be NAME: VALUE"),
        ("kind=file\npath=none/told", "path: there is no folder"),
        ("kind=file\npath=a\nrate=much", "rate: must be"),
        ("kind=file\npath=a\nmax_age=long", "max_age: must be"),
        ("kind=file\npath=a\non=opened", "on: must be of: open, extended"),
        ("kind=file\npath=a\nseverity=9", "severity: must be"),
        ("kind=file\npath=a\nseverity=1\nmin_severity=2", "min_severity: and `severity`"),
        ("kind=file\npath=a\nretries=-1", "retries: must be a number"),
        ("kind=file\npath=a\ntimeout=0", "timeout: must be a number"),
        ("kind=email\nserver=a\nfrom=a@b\nto=nobody", "to: must be an address"),
        ("kind=email\nserver=a\nfrom=a@b\nto=a@b\nuser=x", "password: is missing"),
        ("kind=email\nserver=a:x\nfrom=a@b\nto=a@b", "server: must be HOST"),
        ("kind=email\nserver=a\nfrom=a@b\nto=a@b\nuser=x\npassword=y\ntls=no", "tls: must not"),
        ("kind=syslog\nserver=a\nfacility=x", "facility: must be of"),
        ("kind=command\ncommand=/nothing/there", "command: there is no program"),
        ("kind=command\ncommand='x", "command: has a quote"),
        ("kind=blockfile\npath=a\nnever=everybody", "never: 'everybody' is no address"),
        ("kind=slack\nurl_file=nothing", "url_file: "),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(text: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        receiver(tmp_path, text)
    assert f"[notify one] {wrong}" in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_secrets_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Web().running() as web:
        monkeypatch.setenv("SIEMSTRESS_NOTIFY_ONE_URL", web.url)
        send(tmp_path, "kind=slack")
    assert len(web.got) == 1


def test_secrets_that_others_can_read_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://example.com/S3CRET")
    found = receiver(tmp_path, "kind=slack\nurl_file=url")
    assert "can be read by others" in found.warnings[0]
    assert "S3CRET" not in repr(found)


def test_a_test_says_so() -> None:
    found = of_test("oncall")
    assert found.what == "test"
    assert "only a test" in found.title
