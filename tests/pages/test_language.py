"""The pages' languages: the same texts in each, chosen by option or locale."""

# proves: V7

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import reelmill.pages
from reelmill.pages.language import LANGUAGES, page_language, wording_in

TEMPLATES = Path(reelmill.pages.__file__).parent / "templates"


def _fields(text: str) -> set[str]:
    return {name.partition(".")[0] for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_fields(language: str) -> None:
    english, other = wording_in("en").texts, wording_in(language).texts
    assert set(other) == set(english)
    for key, text in english.items():
        assert _fields(other[key]) == _fields(text), key
        assert other[key].strip() == other[key] != ""


#: Names that are put together in the code, or their beginnings.
COMPOSED = (
    "correct.", "naming.", "language.", "finding.", "performance.limit.", "performance.advice.",
    "index.state.",
    "review.measure.", "review.unit.", "review.doubt.", "review.negated", "review.quoted",
    "review.conditional", "review.question", "review.translator", "index.report",
    "index.performance", "server.refused.", "server.state.", "server.task.",
    "report.state.", "report.real_time.",
)  # fmt: skip


def test_no_text_is_unused() -> None:
    """A text that no page or script refers to is dead."""
    source = Path(reelmill.pages.__file__).parent
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in [*source.glob("*.py"), *TEMPLATES.iterdir()]
    )
    named = set(re.findall(r"[\"'`]([\w.]+)[\"'`]", code))
    for key in wording_in("en").texts:
        if not key.startswith(COMPOSED) and not key.endswith(".one"):
            assert key in named or key.partition(".")[2] in named, f"{key} is used nowhere"


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        ("en", {"LANG": "ko_KR.UTF-8"}, "en"),
        (None, {"LANG": "ko_KR.UTF-8"}, "ko"),
        (None, {"LC_ALL": "ko", "LANG": "en_US"}, "ko"),
        (None, {"LC_ALL": "", "LC_MESSAGES": "de_DE", "LANG": "ko_KR"}, "en"),
        (None, {}, "en"),
        (None, {"LANG": "C.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_that_of_the_locale(
    asked: str | None, environment: dict[str, str], language: str
) -> None:
    assert page_language(asked, environment) == language


def test_days_are_worded_in_each_language() -> None:
    say = {language: wording_in(language) for language in LANGUAGES}
    assert say["en"].day("2026-11-01T14:02:11+0900") == "1 November 2026, 14:02 (UTC+0900)"
    assert say["ko"].day("2026-11-01T14:02:11+00:00") == "2026년 11월 1일 14:02 (UTC)"
    assert say["ko"].day("yesterday") == "yesterday"


def test_values_in_html_are_escaped() -> None:
    page = wording_in("ko").html("report.changed", name="<b>")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
