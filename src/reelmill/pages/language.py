"""The languages of pages and their wording."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.core.printable import printable
from reelmill.pages.sentences import native_reason, sentences_in

if TYPE_CHECKING:
    from markupsafe import Markup

LANGUAGES = ("en", "ko")
#: The variables in which a locale is looked for, the first that is set counts (POSIX).
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


def page_language(asked: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The language asked for; by default that of the locale, or English where pages do not have
    it."""
    if asked is not None:
        return asked
    locale = next((environment[name] for name in _LOCALE if environment.get(name)), "")
    language = locale.partition("_")[0].partition(".")[0].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


@dataclass(frozen=True)
class Wording:
    """The texts of pages in one language, by key."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of that key, with `{name}` replaced by the value of that name.

        Raises:
            KeyError: there is none.
        """
        return self.texts[key].format_map(values) if values else self.texts[key]

    def get(self, key: str, default: str) -> str:
        """The text of that key, `default` where there is none: for names that others choose."""
        return self.texts.get(key, default)

    def plural(self, key: str, number: int) -> str:
        """The key of the text for that number of things: `key.one` for one, where there is such."""
        one = f"{key}.one"
        return one if number == 1 and one in self.texts else key

    def count(self, key: str, number: int, **values: Any) -> str:
        """The text of that key for a number of things, with the number as `{count}`."""
        return self(self.plural(key, number), count=f"{number:,}", **values)

    def html(self, key: str, **values: Any) -> Markup:
        """The text of that key as HTML: it and its values are escaped, except for markup."""
        from markupsafe import Markup, escape

        return Markup(escape(self.texts[key])).format_map(values)

    def sentence(self, text: str) -> str:
        """A sentence that came with the data, in this language where it is known."""
        return sentences_in(self.language)(text)

    def reason(self, why: str) -> str:
        """Why a pattern counts, in this language where it is known."""
        return native_reason(why, self.language, self.sentence)

    def day(self, started: str) -> str:
        """`2026-11-01T14:02:11+0900` as day and time; unchanged if it is not a time."""
        try:
            moment = datetime.strptime(started, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            return started
        return self("day", moment=moment, zone=f"UTC{moment:%z}".replace("UTC+0000", "UTC"))

    def some(self, page: str, names: Iterable[str]) -> dict[str, str]:
        """The texts that a page's script needs, by their names within the page."""
        return {name: self.texts[f"{page}.{name}"] for name in names}


def label_name(label: str, say: Wording) -> str:
    """What findings with that label are called. Stages of others choose labels of their own."""
    return say.get(f"finding.{label}", printable(say.sentence(label)))


@cache
def wording_in(language: str) -> Wording:
    """The wording of one of `LANGUAGES`."""
    path = Path(__file__).parent / "wording" / f"{language}.json"
    return Wording(language, json.loads(path.read_text(encoding="utf-8")))
