"""siemtrigger as people run it: it tells of alerts, is killed, and says what it has told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from notifying import Web, alert, states, store_alerts, wait_for
from siemstress.store.lake import Lake

PROGRAM = Path(sys.executable).parent / "siemtrigger"


def config(folder: Path, text: str) -> Path:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules/one.conf").write_text("[never]\nsection=auth\ngrep=nothing like it\n")
    path = folder / "siemtrigger.conf"
    path.write_text(f"[siemstress]\nlake=lake\nconfdir=rules\npoll=0.1\n{text}")
    path.chmod(0o600)
    (folder / "siemstress.conf").write_text("[siemstress]\nlake=lake\n")
    return path


def run(path: Path, *arguments: str, status: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [PROGRAM, "-c", path, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def test_killed_while_it_sends_it_forgets_nothing(tmp_path: Path) -> None:
    web = Web()
    web.pause = 0.15
    with web.running(), closing(Lake(tmp_path / "lake")) as lake:
        path = config(tmp_path, f"[notify hook]\nkind=webhook\nurl={web.url}\nrate=none\n")
        store_alerts(lake, *(alert(n) for n in range(8)))
        sent_at_kill: list[set[str | None]] = []
        for kill in range(2):
            process = subprocess.Popen([PROGRAM, "-q", "-c", path], stderr=subprocess.DEVNULL)
            seen = len(web.got)
            wait_for(lambda seen=seen: len(web.got) > seen, 60)  # type: ignore[misc] # bound now
            time.sleep(0.05 * kill)
            process.send_signal(signal.SIGKILL)
            process.wait()
            sent_at_kill.append({key[1] for key, s in states(lake).items() if s == "sent"})
            count = len(web.got)
            time.sleep(0.3)  # What was under way when it was killed.
            assert len(web.got) <= count + 1
        run(path, "--oneshot")
        found = states(lake)
        assert list(found.values()) == ["sent"] * 8
        ids = [body["alert_id"] for body in web.bodies]
        assert set(ids) == {f"alert{n}" for n in range(8)}
        assert len(ids) <= 8 + 2  # At most the one that was under way, at each kill.
        by_message: dict[str, set[str]] = {}
        for headers, body in web.got:
            by_message.setdefault(body["alert_id"], set()).add(headers["Idempotency-Key"])
        assert {len(names) for names in by_message.values()} == {1}
        assert sent_at_kill == sorted(sent_at_kill, key=len)


def test_what_the_command_says(tmp_path: Path) -> None:
    web = Web((500, {}, b"sorry \x1b[2J"), (200, {}, b""))
    with web.running(), closing(Lake(tmp_path / "lake")) as lake:
        text = f"[notify hook]\nkind=webhook\nurl={web.url}\n[notify file]\nkind=file\npath=told\n"
        path = config(tmp_path, text)
        assert run(path, "notify")[0] == (
            "hook\twebhook\t0\t0\t0\t0\t0\t0\t\t\t\nfile\tfile\t0\t0\t0\t0\t0\t0\t\t\t\n"
        )
        store_alerts(lake, alert(1))
        _, said = run(path, "--oneshot", status=1)
        assert "siemtrigger: notify hook: 127.0.0.1: 500: sorry \\x1b[2J; it is tried again" in said
        rows = json.loads(run(path, "notify", "--json")[0])
        assert [(r["notifier"], r["sent"], r["failed"]) for r in rows] == [
            ("hook", 0, 1),
            ("file", 1, 0),
        ]
        assert rows[0]["error"] == "127.0.0.1: 500: sorry \\x1b[2J"
        assert "1 message is sent again" in run(path, "notify", "--retry")[1]
        assert set(states(lake).values()) == {"sent"}
        out, _ = run(path, "notify", "--test", "HOOK")
        assert out == "hook\twebhook\tsent\n"
        assert web.bodies[-1]["what"] == "test"
        assert "there are: hook, file" in run(path, "notify", "--test", "x", status=2)[1]
        web.answers = [(404, {}, b"gone")]
        out, _ = run(path, "notify", "--test", status=1)
        assert out == "hook\twebhook\tfailed\t127.0.0.1: 404: gone\nfile\tfile\tsent\n"


def test_mistakes_are_all_told_by_check(tmp_path: Path) -> None:
    path = config(tmp_path, "[notify a]\nkind=fax\n[notify b]\nkind=slack\n")
    _, said = run(path, "--check", status=2)
    assert "[notify a] kind: is unknown" in said
    assert "[notify b] url: is missing" in said
    assert "mistakes: 2" in said
    _, said = run(path, "--oneshot", status=2)
    assert said.count("\n") == 1
