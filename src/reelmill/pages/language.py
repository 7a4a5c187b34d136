"""The languages of pages and their wording."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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

    def some(self, page: str, names: Iterable[str]) -> dict[str, str]:
        """The texts that a page's script needs, by their names within the page."""
        return {name: self.texts[f"{page}.{name}"] for name in names}


@cache
def wording_in(language: str) -> Wording:
    """The wording of one of `LANGUAGES`."""
    path = Path(__file__).parent / "wording" / f"{language}.json"
    return Wording(language, json.loads(path.read_text(encoding="utf-8")))
