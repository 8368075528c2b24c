"""Mattermost, by an incoming webhook."""

from __future__ import annotations

from collections.abc import Sequence

from siemstress.notify.base import Kind, Notifier, Options
from siemstress.notify.message import Message
from siemstress.notify.texts import cut
from siemstress.notify.web import WEB_KEYS, Post

_LONGEST = 8000


class Mattermost(Notifier):
    """Posts to the channel of a webhook. What an event says stands in a block of code, in which
    nobody is mentioned and nothing is Markdown."""

    def __init__(self, options: Options) -> None:
        self._post = Post(options)
        self._channel = options.keys.get("channel")

    def send(self, messages: Sequence[Message]) -> None:
        """Send each as a message of its own."""
        for message in messages:
            place = {"channel": self._channel} if self._channel else {}
            self._post.json({**payload(message), **place}, message.id)


def payload(message: Message) -> dict[str, object]:
    """What the webhook takes."""
    facts = [f"{name}: {value}" for name, value in message.facts]
    code = unfenced(cut("\n".join([message.title, *message.lines, *facts]), _LONGEST))
    return {
        "text": f"**{message.level}**\n```text\n{code}\n```",
        "props": {"disable_group_highlight": True, "mentionHighlightDisabled": True},
    }


def unfenced(text: str) -> str:
    """A text that ends no block of code."""
    return text.replace("`", "ˋ").replace("~~~", "~ ~ ~")


MATTERMOST = Kind("mattermost", WEB_KEYS | {"channel"}, Mattermost, frozenset({"url"}))
