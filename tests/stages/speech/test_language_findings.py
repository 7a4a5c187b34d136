"""The findings about a recording's languages."""

from dataclasses import replace
from pathlib import Path

from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.language_findings import language_findings
from tests.stages.speech.heard import window

SPEC = WhisperSpec(Path("nowhere"), "base", "digest")
ENGLISH_ONLY = replace(SPEC, label="base.en", multilingual=False)


def test_one_sure_language_gives_no_finding():
    # proves: G8
    assert language_findings([window(0, 20, "ko")], "ko", (), SPEC) == []


def test_several_languages_are_reported_with_their_times():
    # proves: G8 V3
    windows = [window(0, 20, "es"), window(20, 33, "es"), window(34, 60, "en")]
    found = language_findings(windows, "es", (), SPEC)
    assert [(one.start, one.end, one.text) for one in found] == [
        (0, 33, "Spanish (es)"),
        (34, 60, "English (en)"),
    ]
    assert {one.severity for one in found} == {"info"}


def test_a_guessed_language_is_reported_as_a_guess():
    # proves: G8
    (found,) = language_findings([window(0, 20, "la", {"la": 0.3, "it": 0.2})], "la", (), SPEC)
    assert found.severity == "warning" and found.score == 0.3
    assert "uncertain: Latin (la)" in found.text


def test_speech_in_another_language_than_given_is_reported():
    # proves: G8 V3
    windows = [
        window(0, 20, "ko", {"ko": 0.9}),
        window(20, 40, "ko", {"en": 0.98, "ko": 0.01}),
        window(40, 42, "ko", {"en": 0.98, "ko": 0.01}),  # too short to tell
    ]
    (found,) = language_findings(windows, "ko", ("ko",), SPEC)
    assert (found.start, found.end, found.severity) == (20, 40, "warning")
    assert "sounds like English (en), but was recognized as Korean" in found.text


def test_an_english_only_model_reports_that_it_cannot_detect_languages():
    # proves: G8
    sure, unsure = [window(0, 20, "en")], [window(0, 20, "en", logprob=-1.1)]
    (taken,) = language_findings(sure, "en", (), ENGLISH_ONLY)
    assert taken.severity == "info" and "assumed to be English" in taken.text
    assert language_findings(sure, "en", ("en",), ENGLISH_ONLY) == []
    (hardly,) = language_findings(unsure, "en", (), ENGLISH_ONLY)
    assert hardly.severity == "warning" and "multilingual --model" in hardly.text
    half = [window(0, 20, "en", logprob=-1.3), window(20, 40, "en")]
    (found,) = language_findings(half, "en", ("en",), ENGLISH_ONLY)
    assert (found.start, found.end) == (0, 20)
