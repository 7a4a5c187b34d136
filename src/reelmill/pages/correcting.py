"""What a server adds to the page of a recording so that people can correct its transcript."""

from __future__ import annotations

from reelmill.pages.embedded import embedded
from reelmill.pages.environment import template
from reelmill.pages.language import Wording

#: Files that the server gives out below `/static`.
EDITOR_SCRIPT, EDITOR_STYLE = "correct.js", "correct.css"
_PREFIX = "correct."


def editor(say: Wording, person: str) -> str:
    """The end of a page with an editor: its texts, its style and its script.

    Args:
        say: the wording of the page.
        person: who corrects.
    """
    wording = {
        key.removeprefix(_PREFIX): text
        for key, text in say.texts.items()
        if key.startswith(_PREFIX)
    }
    data = {"person": person, "wording": wording}
    return template("correct.html").render(
        data=embedded(data), script=EDITOR_SCRIPT, style=EDITOR_STYLE
    )
