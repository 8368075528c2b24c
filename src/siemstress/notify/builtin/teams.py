"""Microsoft Teams, by the webhook of a workflow, which takes Adaptive Cards."""

from __future__ import annotations

from collections.abc import Sequence

from siemstress.notify.base import Kind, Notifier, Options
from siemstress.notify.message import Message
from siemstress.notify.texts import cut
from siemstress.notify.web import WEB_KEYS, Post

# A message may have 28 KB.
_TEXT, _LINES = 400, 30
_COLORS = (*["Attention"] * 4, "Warning", "Accent", "Accent", "Default")


class Teams(Notifier):
    """Posts a card to the channel of a workflow. What an event says stands in runs of text, in
    which there is no Markdown and nobody is mentioned."""

    def __init__(self, options: Options) -> None:
        self._post = Post(options)

    def send(self, messages: Sequence[Message]) -> None:
        """Send each as a message of its own."""
        for message in messages:
            self._post.json(payload(message), message.id)


def payload(message: Message) -> dict[str, object]:
    """What the webhook takes."""
    title = _run(f"[{message.level}] {message.title}")
    title |= {"weight": "Bolder", "size": "Medium", "color": _COLORS[message.severity]}
    body = [_block(title)]
    body += [_block(_run(line)) for line in message.lines[:_LINES]]
    body += [_block({**_run(f"{n}: "), "isSubtle": True}, _run(v)) for n, v in message.facts]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def _block(*runs: dict[str, object]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str) -> dict[str, object]:
    # Cards work out what stands in double braces, as {{DATE(…)}}.
    return {"type": "TextRun", "text": cut(text, _TEXT).replace("{{", "{ {")}


TEAMS = Kind("teams", WEB_KEYS, Teams, frozenset({"url"}))
