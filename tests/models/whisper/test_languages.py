"""Languages as people call them."""

import pytest

from reelmill.errors import UsageError
from reelmill.models.whisper.languages import LANGUAGES, NAMES, language_name, parse_languages


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        (None, ()),
        ("auto", ()),
        ("ko", ("ko",)),
        ("Korean", ("ko",)),
        ("한국어", ("ko",)),
        (" KOREAN , en,ko", ("ko", "en")),
        ("espanol,Français", ("es", "fr")),
        ("pt-BR,zh_TW", ("pt", "zh")),
        ("日本語", ("ja",)),
        ("हिन्दी", ("hi",)),
    ],
)
def test_codes_and_names_of_languages_are_parsed(given, codes):
    # proves: V3
    assert parse_languages(given) == codes


def test_similar_languages_are_suggested():
    # proves: G8
    with pytest.raises(UsageError, match=r"--language Koraen: .*Is Korean \(ko\) meant"):
        parse_languages("Koraen")


def test_no_name_stands_for_two_languages():
    names = [name.casefold() for called in NAMES.values() for name in called]
    assert len(names) == len(set(names))
    assert len(LANGUAGES) == 100
    assert all(
        parse_languages(name) == (code,) for code, called in NAMES.items() for name in called
    )
    assert language_name("ko") == "Korean"
