"""Slack, by an incoming webhook."""

from __future__ import annotations

from collections.abc import Sequence

from siemstress.notify.base import Kind, Notifier, Options
from siemstress.notify.message import Message
from siemstress.notify.texts import cut
from siemstress.notify.web import WEB_KEYS, Post

# https://api.slack.com/reference/block-kit/blocks: texts of a header, of a section, of a field.
_TITLE, _SECTION, _FIELD, _FIELDS = 150, 3000, 2000, 10


class Slack(Notifier):
    """Posts to the channel of a webhook. What an event says is plain text there: it mentions
    nobody, links nowhere and has no format."""

    def __init__(self, options: Options) -> None:
        self._post = Post(options)

    def send(self, messages: Sequence[Message]) -> None:
        """Send each as a message of its own."""
        for message in messages:
            self._post.json(payload(message), message.id)


def payload(message: Message) -> dict[str, object]:
    """What the webhook takes."""
    title = f"[{message.level}] {message.title}"
    blocks: list[dict[str, object]] = [{"type": "header", "text": _plain(title, _TITLE)}]
    longer = ([message.title] if len(title) > _TITLE else []) + list(message.lines)
    if longer:
        blocks.append({"type": "section", "text": _plain("\n".join(longer), _SECTION)})
    if message.facts:
        fields = [_plain(f"{n}: {v}", _FIELD) for n, v in message.facts[:_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    # `text` is what notifications of the desktop show, and what is parsed for mentions.
    return {
        "text": escaped(cut(title, _SECTION)),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
        "link_names": False,
        "parse": "none",
    }


def escaped(text: str) -> str:
    """A text in which `<!channel>` and links are only text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str, longest: int) -> dict[str, object]:
    return {"type": "plain_text", "text": cut(text, longest), "emoji": False}


SLACK = Kind("slack", WEB_KEYS, Slack, frozenset({"url"}))
