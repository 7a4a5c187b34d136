"""Missing fonts are noticed before the work, and named by script."""

# proves: S5

from __future__ import annotations

import pytest

from reelmill.errors import UsageError
from reelmill.media import fonts
from reelmill.media.fonts import check_fonts, lacking, packages_for


def test_letters_that_a_font_has_are_not_reported_as_missing() -> None:
    try:
        assert lacking("ab\U0001eebb", "Sans") <= {"\U0001eebb"}
    except UsageError as error:
        pytest.skip(str(error))


def test_the_package_is_chosen_by_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "lacking", lambda letters, font: frozenset("กขค가"))
    with pytest.raises(UsageError) as told:
        check_fonts([("th", "Thai"), ("en", "Latn"), ("ko", "Hang")], "Sans")
    message = str(told.value)
    assert "Thai letters (th), Hangul letters (ko)" in message and "Latin" not in message
    assert "fonts-noto-cjk fonts-noto-core" in message
    check_fonts([("en", "Latn"), ("xx", "none")], "Sans")


def test_packages_are_found_for_single_letters() -> None:
    assert packages_for("ก") == "fonts-noto-core"
    assert packages_for("漢") == packages_for("힣") == "fonts-noto-cjk"
    assert packages_for("ж") == "fonts-dejavu-core"
