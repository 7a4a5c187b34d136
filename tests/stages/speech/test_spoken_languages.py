"""The language of each window: sure ones decide, doubtful ones follow."""

import pytest

from reelmill.stages.speech.spoken_languages import languages_of, main_language, perhaps_mixed
from tests.stages.speech.heard import window


def windows(*heard, seconds=20.0):
    return [
        window(n * seconds, (n + 1) * seconds, max(one, key=one.get), one)
        for n, one in enumerate(heard)
    ]


KO, EN = {"ko": 0.97, "en": 0.01}, {"en": 0.98, "ko": 0.01}
UNSURE_EN = {"en": 0.55, "ko": 0.4}


@pytest.mark.parametrize(
    ("heard", "languages"),
    [
        ([KO, KO, KO], "ko ko ko"),
        ([KO, EN, EN, KO], "ko en en ko"),
        ([KO, UNSURE_EN, KO], "ko ko ko"),  # one that is not sure changes nothing
        ([KO, UNSURE_EN, UNSURE_EN, KO], "ko en en ko"),  # two in a row do
        ([UNSURE_EN, KO, KO], "ko ko ko"),  # nor does it begin a recording
        ([UNSURE_EN, {"ko": 0.6, "en": 0.3}], "ko ko"),  # the likelier over all
        ([], ""),
    ],
)
def test_a_short_uncertain_window_does_not_change_the_language(heard, languages):
    # proves: V3 G8
    assert languages_of(windows(*heard)) == languages.split()


def test_a_very_short_window_needs_more_certainty():
    # proves: V3
    found = windows(KO, {"en": 0.85}, KO)
    found[1] = window(20, 21.5, "en", {"en": 0.85})
    assert languages_of(found) == ["ko", "ko", "ko"]


def test_a_short_window_of_unlikely_text_does_not_change_the_language():
    # proves: V3 G8
    # as it was: "Σε και άρευλά ρο" for the end of a Spanish call
    found = [window(0, 20, "es"), window(20, 22.6, "el", {"el": 0.96, "es": 0.01}, logprob=-0.87)]
    assert languages_of(found) == ["es", "es"]
    found[1].segments[0].avg_logprob = -0.3
    assert languages_of(found) == ["es", "el"]


def test_only_allowed_languages_are_chosen():
    # proves: V3
    found = windows({"nl": 0.6, "de": 0.3, "en": 0.05}, EN)
    assert languages_of(found, ("en", "de")) == ["de", "en"]
    assert languages_of(found, ("ja",)) == ["ja", "ja"]


def test_the_main_language_is_that_of_most_speech():
    # proves: V3
    found = windows(KO, EN, KO)
    language, probability = main_language(found, languages_of(found))
    assert (language, probability) == ("ko", pytest.approx(0.97))
    assert main_language([], []) == ("und", 0.0)


def test_windows_beside_a_change_and_uncertain_ones_count_as_mixed():
    # proves: V3
    sure = {"ko": 0.99}, {"ko": 0.99}, {"en": 0.99}, {"en": 0.99}
    found = windows(*sure, {"en": 0.82, "ko": 0.14})
    assert perhaps_mixed(found, languages_of(found)) == {1, 2, 4}
    assert perhaps_mixed(found, ["ko"] * 5, ("ko",)) == set()


def test_near_a_change_a_window_needs_more_certainty():
    # proves: V3 G8
    # as it was: Russian at 0.97, with two Spanish sentences in it, far from the change
    found = windows({"ru": 0.97, "es": 0.01}, {"ru": 0.99}, {"ru": 0.99}, {"es": 0.99})
    assert perhaps_mixed(found, languages_of(found)) == {0, 2, 3}
    assert perhaps_mixed(found[:3], ["ru"] * 3) == set()


def test_a_model_of_one_language_is_not_asked_for_languages():
    found = [window(0, 20, "en")]
    found[0].languages = {}
    assert languages_of(found) == ["en"]
    assert perhaps_mixed(found, ["en"]) == set()
