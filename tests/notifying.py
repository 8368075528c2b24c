"""Alerts to be told of, configs of notifiers, and receivers that note what they get."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl

from siemstress.config import read_ini, read_notifiers
from siemstress.notify.ledger import newest
from siemstress.notify.message import Message, of_alert
from siemstress.notify.notifiers import Notifiers
from siemstress.notify.settings import Receiver, read_receivers
from siemstress.rules.tables import NOTIFIED
from siemstress.schema import ALERT, EVENT, polars_schema
from siemstress.store.base import Scan, Store, rows
from stores import put

HOSTILE = (
    "<!channel> <@U123> @all `x` [click](http://evil.example) *b* \x1b[2J\r\nBcc: evil@example.com"
    '\n.\n"}] {{DATE(2026)}} \u202egnp ]" \\'
)


def now() -> datetime:
    """The time in UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def alert(number: int = 1, **columns: Any) -> dict[str, Any]:
    """An alert's row without its id."""
    moment = now()
    return {
        "time": moment,
        "received": moment,
        "last_time": moment,
        "first_time": moment,
        "alert_id": f"alert{number}",
        "source_rule": "ssh guess",
        "message": f"Guessing of passwords, number {number}",
        "severity": 3,
        "event_count": 5,
        "group_key": '{"source_host": "203.0.113.9"}',
        "source_host": "203.0.113.9",
        "tags": '["attack.t1110"]',
        **columns,
    }


def store_alerts(store: Store, *alerts: Mapping[str, Any], table: str = "UserAuth") -> None:
    """Commit alerts in one batch."""
    first = store.take_ids(len(alerts))
    kinds = polars_schema((*EVENT, *ALERT))
    listed = [{**row, "id": first + n} for n, row in enumerate(alerts)]
    put(
        store,
        table,
        pl.DataFrame([pl.Series(n, [row.get(n) for row in listed], t) for n, t in kinds.items()]),
    )


def message(**columns: Any) -> Message:
    """The message about an alert."""
    return of_alert("message1", "open", {"id": 1, **alert(**columns)})


def receivers(folder: Path, text: str) -> list[Receiver]:
    """The receivers of a config of this text."""
    path = folder / "siemtrigger.conf"
    path.write_text(text)
    path.chmod(0o600)
    return read_receivers(read_notifiers(path, read_ini(path)))


def receiver(folder: Path, text: str) -> Receiver:
    """The receiver of a section with these keys."""
    return receivers(folder, f"[notify one]\n{text}")[0]


def once(store: Store, some: list[Receiver], said: list[str] | None = None) -> bool:
    """Tell of what is new and due, once; whether nothing failed."""
    notifiers = Notifiers(store, some, ["UserAuth"], ([] if said is None else said).append)
    try:
        return notifiers.look(save=True) and notifiers.finish()
    finally:
        notifiers.close()


def states(store: Store) -> dict[tuple[str, str | None, str], str]:
    """The state of each thing in the ledger: by notifier, alert and what has become of it."""
    found = rows(store.select(newest(), {"ledger": Scan(NOTIFIED)}))
    return {(r["notifier"], r["alert_id"], r["what"]): r["state"] for r in found}


def wait_for(true: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


class Web:
    """A server of HTTP that notes what it gets. `answers` are what it says, the last for ever."""

    def __init__(self, *answers: tuple[int, Mapping[str, str], bytes]) -> None:
        self.answers = list(answers) or [(200, {}, b"ok")]
        self.got: list[tuple[Mapping[str, str], Any]] = []
        self.pause = 0.0
        self.url = ""

    @property
    def bodies(self) -> list[Any]:
        """What was sent."""
        return [body for _, body in self.got]

    @contextmanager
    def running(self, tls: tuple[Path, Path] | None = None) -> Iterator[Web]:
        """While it listens at `url`."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        scheme = "http"
        if tls is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{server.server_port}/hook/S3CRET"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.got.append((dict(self.headers), json.loads(body)))
                time.sleep(web.pause)
                status, headers, said = web.answers[0]
                if len(web.answers) > 1:
                    del web.answers[0]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def send(folder: Path, text: str, *messages: Message) -> None:
    """Send messages, or one, by the notifier of a config's text."""
    notifier = receiver(folder, text).make()
    try:
        notifier.send(messages or [message()])
    finally:
        notifier.close()


@contextmanager
def dripping(head: bytes) -> Iterator[int]:
    """A server that says something and then a letter now and then; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                try:
                    peer.sendall(head)
                    while True:
                        peer.sendall(b"a")
                        time.sleep(0.1)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(20)
