"""The scripts in pages of results, by their hashes: a server lets browsers run these and no others,
whatever is in the page's texts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from reelmill.pages.environment import from_source, source_of
from reelmill.pages.language import LANGUAGES, Wording, wording_in

#: The templates with a script.
_TEMPLATES = ("review.html", "index.html", "faces.html", "recordings.html")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
#: The scripts of released versions before this one, which wrote pages that are still there.
_EARLIER = Path(__file__).parent / "earlier_scripts.json"


@cache
def script_hashes() -> tuple[str, ...]:
    """The scripts of this version's pages, as a content security policy names them (`sha256-...`).
    They contain nothing of a recording: what they show is data, in an element that browsers do not
    run."""
    scripts = [
        script
        for language in LANGUAGES
        for name in _TEMPLATES
        for script in scripts_of(name, wording_in(language))
    ]
    return tuple(dict.fromkeys(map(_hash, scripts)))


@cache
def earlier_scripts() -> dict[str, list[str]]:
    """The scripts in pages of released versions before this one, by version."""
    found: dict[str, list[str]] = json.loads(_EARLIER.read_text(encoding="utf-8"))
    return found


def hashes_in(html: str) -> tuple[str, ...]:
    """Whatever a browser would run in a page if it was let, whoever wrote it there."""
    return tuple(dict.fromkeys(map(_hash, _SCRIPT.findall(html))))


def scripts_of(name: str, say: Wording) -> list[str]:
    """The scripts of a template, as they are in a page in that language."""
    # Rendered with the end tag, because Jinja drops the last line break of a template.
    end = "</script>"
    return [
        from_source(found + end).render(say=say).removesuffix(end)
        for found in _SCRIPT.findall(source_of(name))
    ]


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8", "surrogateescape")).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
