"""A window that is not quite sure is heard again with what was said around it."""

from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.models.whisper.spec import WhisperSpec
from reelmill.pipelines.recognition import recognition_stages
from reelmill.settings import Settings
from reelmill.stages.speech.second_look import after_second_looks, second_looks
from reelmill.stages.speech.second_opinion import is_preferred, text_around
from tests.stages.speech.heard import window

SAID = "to forward the message to another user press eight to save it in another folder press nine "
UNSURE = window(20, 28, "en", text="you may reach the pbi es under extension one", logprob=-0.3)
AGAIN = window(20, 28, "en", text="you may reach the pbx under extension one", logprob=-0.29)
BEFORE = window(0, 20, "en", text=SAID * 2, logprob=-0.1)
AROUND = [BEFORE, UNSURE, window(30, 50, "en", text="goodbye " * 20, logprob=-0.1)]


def test_it_is_heard_with_what_was_said_before():
    (look,) = second_looks(AROUND, opinions=True)
    assert (look.window, look.reason, look.parts) == (1, "opinion", (((20, 28),),))
    assert look.said.endswith(SAID.strip())
    assert second_looks(AROUND) == []


def test_at_the_beginning_it_is_heard_with_what_is_said_later():
    (look,) = second_looks([UNSURE, BEFORE], opinions=True)
    assert look.said == (SAID * 2).strip()


def test_other_languages_and_a_few_words_say_nothing_of_it():
    korean = window(0, 20, "ko", {"ko": 0.99}, text="네 " * 90, logprob=-0.1)
    hello = window(0, 2, "en", text="hello", logprob=-0.1)
    for before in (korean, hello):
        assert text_around(1, [before, UNSURE]) == ""
        assert second_looks([before, UNSURE], opinions=True) == []


def test_what_is_sure_is_not_heard_again():
    sure = window(20, 28, "en", text=UNSURE.segments[0].text, logprob=-0.05)
    assert second_looks([BEFORE, sure], opinions=True) == []


def test_the_likelier_text_is_kept():
    looks = second_looks(AROUND, opinions=True)
    assert after_second_looks(AROUND, looks, iter([AGAIN]))[1] == AGAIN
    assert after_second_looks(AROUND, looks, iter([_said(AGAIN, logprob=-0.31)]))[1] == UNSURE


@pytest.mark.parametrize(
    "text",
    [
        "you may reach",
        "you may reach the pbx under extension one press nine",
        "to forward the message to another user press",
        "",
    ],
)
def test_a_text_that_leaves_out_adds_or_repeats_what_was_said_is_not_taken(text):
    assert not is_preferred(_said(AGAIN, text=text), UNSURE)


def test_it_is_given_only_when_asked_for():
    whisper = WhisperSpec(Path("nowhere"), "base", "digest")

    def given(translate=False, **settings):
        stages = recognition_stages(Settings(**settings), whisper, translate=translate)
        return stages[1].second_opinion

    assert not given()
    assert given(second_opinion=True)
    assert not given(second_opinion=True, temperature=0.5)
    assert not given(second_opinion=True, translate=True)


def _said(heard, text=None, logprob=-0.25):
    """A window with another text or probability."""
    (segment,) = heard.segments
    text = segment.text if text is None else text
    segments = [replace(segment, text=text, avg_logprob=logprob)] if text else []
    return replace(heard, segments=segments)
