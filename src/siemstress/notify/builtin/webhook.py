"""A webhook: any JSON, by a template, to any URL."""

from __future__ import annotations

import re
from collections.abc import Sequence

from siemstress.notify.base import Kind, Notifier, Options
from siemstress.notify.filling import fill, read_template
from siemstress.notify.message import Message
from siemstress.notify.web import WEB_KEYS, Post

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)\Z")


class Webhook(Notifier):
    """POSTs all that is known of an alert, or what the template makes of it."""

    def __init__(self, options: Options) -> None:
        self._post = Post(options)
        self._template = _template(options)
        self._headers: dict[str, str] = {}
        if header := options.secret("header"):
            match = _HEADER.match(header)
            if match is None:
                raise options.keys.mistake("header", "must be NAME: VALUE")
            self._headers = {match[1]: match[2].strip()}

    def send(self, messages: Sequence[Message]) -> None:
        """Send each as a request of its own."""
        for message in messages:
            values = {
                **message.values,
                "title": message.title,
                "text": "\n".join((message.title, *message.lines)),
            }
            body = values if self._template is None else fill(self._template, values)
            self._post.json(body, message.id, self._headers)


def _template(options: Options) -> object:
    text = options.keys.get("template")
    path = options.keys.path("template_file")
    if path is not None:
        if text:
            raise options.keys.mistake("template_file", "and `template` are both there")
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise options.keys.mistake("template_file", f"{path} cannot be read") from None
    if not text:
        return None
    try:
        return read_template(text)
    except ValueError as e:
        key = "template" if path is None else "template_file"
        raise options.keys.mistake(key, str(e)) from None


WEBHOOK = Kind(
    "webhook",
    WEB_KEYS | {"template", "template_file", "header"},
    Webhook,
    frozenset({"url", "header"}),
)
