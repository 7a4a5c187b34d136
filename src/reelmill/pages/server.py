"""The pages of the local server. They make HTML from data; nothing here knows a server."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from reelmill import __version__
from reelmill.pages.correcting import EDITOR_SCRIPT, EDITOR_STYLE, NAMING_SCRIPT
from reelmill.pages.embedded import embedded
from reelmill.pages.environment import template
from reelmill.pages.language import Wording
from reelmill.report.wording import clock

#: The files under `/static`, and their types.
STATIC = {
    "server.css": "text/css; charset=utf-8",
    "server.js": "text/javascript; charset=utf-8",
    EDITOR_STYLE: "text/css; charset=utf-8",
    EDITOR_SCRIPT: "text/javascript; charset=utf-8",
    NAMING_SCRIPT: "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_STATES = ("queued", "running", "paused", "stopping", "done", "failed", "cancelled")
#: The texts that the script shows.
_SCRIPT_TEXTS = (
    "remove", "uploading", "too_large", "upload_failed", "arrived", "start_later", "nothing_yet",
    "open_page", "pick_file", "pick_empty", "pick_cut", "pause", "resume", "cancel", "retry",
    "forget", "forget_sure", "results", "recordings", "of", "count_failed", "count_findings",
    "left", "starting", "finishing", "took", "memory_of", "memory_ours", "runs_of", "sound", "lost",
    "logged_out",
    "task.voice", "task.subtitle", "task.faces", *(f"state.{name}" for name in _STATES),
)  # fmt: skip
_REFUSED = "server.refused."
_LANGUAGE = "language."


@cache
def static_file(name: str) -> bytes:
    """One of the `STATIC` files.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in STATIC:
        raise KeyError(name)
    return template(name).render().encode()


@cache
def static_version() -> str:
    """Changes whenever one of the files does."""
    digest = hashlib.sha256(b"".join(static_file(name) for name in sorted(STATIC)))
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class Visitor:
    """Whoever looks at a page."""

    name: str
    may_edit: bool


@dataclass(frozen=True)
class HomeFacts:
    """What the page with the runs offers.

    `root` is the name of the folder below which recordings can be picked, empty where there is
    none; `model` is the recognizer of runs that choose none; `uploads` are files of the visitor
    that no run has yet (`id`, `name`, `size`); `chosen` are the formats that are on at first.
    """

    models: Sequence[str]
    formats: Sequence[str]
    subtitle_formats: Sequence[str]
    chosen: Sequence[str]
    max_upload: int
    root: str = ""
    model: str | None = None
    uploads: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Found:
    """What a search found: hits have `recording`, `at`, `speaker`, `label`, `text`, `title` and
    `href`."""

    query: str
    hits: Sequence[Mapping[str, Any]] = ()
    is_cut: bool = False
    problem: str = ""
    problems: Sequence[str] = field(default_factory=list)


class ServerPages:
    """The pages in one language. Everything they are given is escaped."""

    def __init__(self, wording: Wording) -> None:
        self._say = wording

    def home(self, visitor: Visitor, facts: HomeFacts) -> str:
        """The page with the runs, and with a form for new ones."""
        data = {
            "person": visitor.name,
            "may_edit": visitor.may_edit,
            "max_upload": facts.max_upload,
            "uploads": list(facts.uploads),
            "wording": self._say.some("server", _SCRIPT_TEXTS),
            "refusals": self._refusals(),
        }
        return self._render(
            "server_home.html",
            visitor,
            **{name: getattr(facts, name) for name in ("models", "formats", "subtitle_formats")},
            chosen=facts.chosen,
            root=facts.root,
            model=facts.model,
            may_edit=visitor.may_edit,
            languages=self._languages(),
            data=embedded(data),
        )

    def found(self, visitor: Visitor, found: Found) -> str:
        """The page with what a search found."""
        return self._render(
            "server_find.html",
            visitor,
            query=found.query,
            hits=[{**hit, "time": _moment(hit["at"])} for hit in found.hits],
            is_cut=found.is_cut,
            problem=found.problem,
            problems=found.problems,
        )

    def login(self, *, has_failed: bool = False, problem: str = "") -> str:
        """The page that asks for a name and a password."""
        said = self._say("server.login_failed") if has_failed else problem
        return self._render("server_login.html", None, problem=said)

    def refused(self, visitor: Visitor | None, status: int, code: str, message: str) -> str:
        """The page of a request that was refused; `message` is shown where there is no wording for
        its `code`."""
        return self._render(
            "server_message.html",
            visitor,
            title=self._say.get(f"{_REFUSED}{status}", str(status)),
            message=self._say.get(f"{_REFUSED}{code}", message),
        )

    def _refusals(self) -> dict[str, str]:
        """What is said instead of a refusal's own message, by its code."""
        return {
            key.removeprefix(_REFUSED): text
            for key, text in self._say.texts.items()
            if key.startswith(_REFUSED) and not key[-1].isdigit()
        }

    def _languages(self) -> list[tuple[str, str]]:
        """Codes and names of languages, by name."""
        found = [
            (key.removeprefix(_LANGUAGE), text)
            for key, text in self._say.texts.items()
            if key.startswith(_LANGUAGE)
        ]
        return sorted(found, key=lambda one: one[1])

    def _render(self, name: str, visitor: Visitor | None, **values: Any) -> str:
        return template(name).render(
            say=self._say,
            version=__version__,
            static=static_version(),
            person=visitor,
            **values,
        )


def _moment(seconds: float | None) -> str:
    """Rounded down, so that a player that goes there does not miss the first word."""
    return "–" if seconds is None else clock(max(0, math.floor(seconds)))
