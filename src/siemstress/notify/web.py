"""Messages by HTTP: one POST, answered within a time, to whom the config names and nobody else."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from siemstress import __version__
from siemstress.notify.base import NotSent, Options
from siemstress.notify.texts import one_line, without

if TYPE_CHECKING:
    import httpx

WEB_KEYS = frozenset({"url", "tls", "tls_ca"})
_LONGEST_ANSWER = 64 * 1024
_SHOWN_ANSWER = 200
_BUSY = (429, 503)
_SHORTEST_SECRET = 6


class Post:
    """Sends bodies to the URL of a config's section, which nobody may see."""

    def __init__(self, options: Options) -> None:
        """Read `url`, `tls` and `tls_ca`.

        Raises:
            ConfigError: one of them is wrong.

        """
        self._url = options.needed("url")
        self._timeout = options.timeout
        self._ca = options.keys.path("tls_ca")
        self._check(options)
        self._secrets = (*options.secrets.values(), *_parts(self._url))
        self._context: ssl.SSLContext | bool | None = None

    @property
    def host(self) -> str:
        """Where the messages go, without what is secret."""
        return urlsplit(self._url).hostname or ""

    def json(self, value: Any, id: str, headers: Mapping[str, str] = {}) -> None:
        """Send a value as JSON; `id` is the message's, for receivers that know what they have.

        Raises:
            NotSent: it was not taken.

        """
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self.body(body, id, {"Content-Type": "application/json", **headers})

    def body(self, body: bytes, id: str, headers: Mapping[str, str]) -> None:
        """Send a body.

        Raises:
            NotSent: it was not taken.

        """
        import httpx

        sent = {
            "User-Agent": f"siemstress/{__version__}",
            "Idempotency-Key": id,
            "X-Siemstress-Message": id,
            **headers,
        }
        verified = self._verified()
        try:
            asyncio.run(asyncio.wait_for(self._post(body, sent, verified), self._timeout))
        except TimeoutError:
            raise NotSent(f"{self.host}: no answer within {self._timeout:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as e:
            said = without(str(e), self._secrets) or type(e).__name__
            raise NotSent(f"{self.host}: {one_line(said, 300)}") from None

    async def _post(
        self, body: bytes, headers: Mapping[str, str], verified: ssl.SSLContext | bool
    ) -> None:
        import httpx

        client = httpx.AsyncClient(verify=verified, follow_redirects=False, timeout=self._timeout)
        async with (
            client,
            client.stream("POST", self._url, content=body, headers=dict(headers)) as answer,
        ):
            if answer.is_success:
                return  # What it says is of no interest.
            said = await self._said(answer)
        if answer.is_redirect:
            said = "sends elsewhere, which is not followed; `url` must be the place itself"
        after = answer.headers.get("Retry-After", "") if answer.status_code in _BUSY else ""
        seconds = float(after) if after.isascii() and after.isdecimal() and len(after) < 7 else None
        text = f"{self.host}: {answer.status_code}: {said or one_line(answer.reason_phrase, 100)}"
        raise NotSent(text, after=seconds)

    async def _said(self, answer: httpx.Response) -> str:
        """The beginning of what an answer says."""
        got = b""
        async for chunk in answer.aiter_raw(_LONGEST_ANSWER):
            got += chunk[:_LONGEST_ANSWER]
            if len(got) >= _SHOWN_ANSWER * 4:
                break
        text = without(got[: _SHOWN_ANSWER * 4].decode("utf-8", "replace"), self._secrets)
        return one_line(text, _SHOWN_ANSWER)

    def _verified(self) -> ssl.SSLContext | bool:
        if self._context is None and self._url.startswith("http:"):
            self._context = False  # There is nothing to verify, and authorities take long to read.
        elif self._context is None:
            import httpx

            if self._ca is not None:
                self._context = ssl.create_default_context(cafile=str(self._ca))
            else:
                self._context = httpx.create_ssl_context()
        assert self._context is not None  # noqa: S101 - it has just been made
        return self._context

    def _check(self, options: Options) -> None:
        keys = options.keys
        try:
            parts = urlsplit(self._url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("https", "http") or not self._url.isascii():
            raise keys.mistake("url", "must be https://HOST/…")
        tls = options.choice("tls", "yes", "no")
        if parts.scheme == "http" and tls != "no" and not is_this_machine(host):
            raise keys.mistake("url", "must be https://…; unencrypted only with tls=no")
        check_authorities(options)


def check_authorities(options: Options) -> None:
    """Raise ConfigError where `tls_ca` names no certificates."""
    path = options.keys.path("tls_ca")
    if path is not None:
        try:
            ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError):
            raise options.keys.mistake("tls_ca", f"{path} holds no certificates") from None


def is_this_machine(host: str) -> bool:
    """Whether a name or an address is that of the machine itself."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> list[str]:
    """What of a URL may be a secret: all behind the host, and its longer words."""
    parts = urlsplit(url)
    behind = parts.path + (f"?{parts.query}" if parts.query else "")
    found = [behind, *re.split(r"[/?&=]", behind)]
    return [text for text in found if len(text) >= _SHORTEST_SECRET]
