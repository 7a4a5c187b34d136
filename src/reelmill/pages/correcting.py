"""What a server adds to pages of results: an editor for transcripts, and names that are kept."""

from __future__ import annotations

from typing import Any

from reelmill.pages.embedded import embedded
from reelmill.pages.environment import template
from reelmill.pages.language import Wording

#: Files that the server gives out below `/static`.
EDITOR_SCRIPT, EDITOR_STYLE, NAMING_SCRIPT = "correct.js", "correct.css", "naming.js"


def editor(say: Wording, person: str) -> str:
    """The end of a transcript's page with an editor: its texts, its style and its script.

    Args:
        say: the wording of the page.
        person: who corrects.
    """
    data = {"person": person, "wording": _texts(say, "correct.")}
    return template("correct.html").render(
        data=embedded(data), script=EDITOR_SCRIPT, style=EDITOR_STYLE
    )


def naming(say: Wording, version: int) -> str:
    """The end of a video's page on which names are kept.

    Args:
        say: the wording of the page.
        version: of the page.
    """
    data: dict[str, Any] = {"version": version, "wording": _texts(say, "naming.")}
    return template("naming.html").render(data=embedded(data), script=NAMING_SCRIPT)


def _texts(say: Wording, prefix: str) -> dict[str, str]:
    return {
        key.removeprefix(prefix): text for key, text in say.texts.items() if key.startswith(prefix)
    }
