"""A window in which another text is nearly as likely is heard again, and the likelier text kept."""

import math
from dataclasses import replace

import pytest

from reelmill.engine.stage import Device
from reelmill.models.whisper import second_opinion
from reelmill.models.whisper.decoding import DecodingOptions, Hypothesis
from reelmill.models.whisper.features import log_mel
from reelmill.models.whisper.second_opinion import is_close, is_rival, logprob
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper
from reelmill.pipelines.recognition import recognition_stages
from reelmill.settings import Settings
from tests.models.model_sounds import sound

OPTIONS = DecodingOptions(second_opinion=True, beam_size=2)
FIRST = Hypothesis((1, 2), "press star", -0.2, 0.0, 1.0, 0.0, lead=0.05)


@pytest.fixture(scope="module")
def spec(demo):
    return WhisperSpec(demo.path, demo.name, demo.identity, demo.n_mels)


@pytest.fixture(scope="module")
def whisper(spec):
    return spec.load(Device("cpu"), 1)


@pytest.fixture(scope="module")
def windows():
    return [log_mel(sound(seconds, seed)) for seed, seconds in enumerate((2.0, 3.5, 5.0, 6.0))]


@pytest.mark.parametrize(
    ("changes", "options", "again"),
    [
        ({}, OPTIONS, True),
        ({"lead": 2.0}, OPTIONS, False),
        ({"lead": math.inf}, OPTIONS, False),
        ({"text": ""}, OPTIONS, False),
        ({"no_speech_prob": 0.9, "avg_logprob": -2.0}, OPTIONS, False),
        ({}, replace(OPTIONS, second_opinion=False), False),
        ({}, replace(OPTIONS, hotwords="star"), False),
        ({}, replace(OPTIONS, initial_prompt="star"), False),
        ({}, replace(OPTIONS, temperature=0.5), False),
        ({}, replace(OPTIONS, task="translate"), False),
    ],
)
def test_what_is_heard_again(changes, options, again):
    assert is_close(replace(FIRST, **changes), options) is again


@pytest.mark.parametrize(
    ("changes", "rival"),
    [
        ({"text": "press start"}, True),
        ({"text": "press star"}, False),
        ({"text": "press"}, False),
        ({"text": "press start", "avg_logprob": -3.0}, False),
        ({"text": "press start", "compression_ratio": 9.0}, False),
    ],
)
def test_which_texts_may_take_the_place_of_the_first(changes, rival):
    assert is_rival(replace(FIRST, **changes), FIRST, OPTIONS) is rival


def test_a_token_that_cannot_be_is_unlikely_and_no_fault():
    assert logprob([0.5, 0.5]) == pytest.approx(math.log(0.25))
    assert logprob([0.0]) < -20


def test_texts_do_not_depend_on_neighbours(whisper, windows, monkeypatch):
    # proves: G2 G12 V9
    monkeypatch.setattr(second_opinion, "_CLOSE", math.inf)
    heard = _heard(whisper, monkeypatch)
    together = whisper.decode(windows, [("en",)] * len(windows), OPTIONS)
    assert sum(heard) > len(windows)  # some were heard again
    alone = [whisper.decode([one], [("en",)], OPTIONS)[0] for one in windows]
    assert alone == together


@pytest.mark.parametrize("second", [-5.0, -20.0])
def test_the_text_likelier_by_both_hearings_is_kept(whisper, windows, monkeypatch, second):
    monkeypatch.setattr(second_opinion, "_CLOSE", math.inf)
    before = whisper.decode(windows[:1], [("en",)], replace(OPTIONS, second_opinion=False))
    first = " ".join(one.text for one in before[0].segments)
    generate, calls = Whisper._generate, []

    def again(self, encoded, prompts, options, arguments):
        calls.append(len(prompts))
        found = generate(self, encoded, prompts, options, arguments)
        if len(calls) == 1:
            return found
        result, _ = found[0]
        other = self._tokenizer.encode(f"{first} indeed")
        return [(_Result(result, other), f"{first} indeed")]

    def logprobs(self, encoded, languages, texts, frames):
        return [second if "indeed" in one.text else -10.0 for one in texts]

    monkeypatch.setattr(Whisper, "_generate", again)
    monkeypatch.setattr(Whisper, "_logprobs", logprobs)
    (found,) = whisper.decode(windows[:1], [("en",)], OPTIONS)
    assert ("indeed" in " ".join(one.text for one in found.segments)) is (second > -10)


def test_it_is_given_when_asked_for(spec):
    def given(**settings):
        stages = recognition_stages(Settings(**settings), spec)
        return {stage.options.second_opinion for stage in stages}

    assert given() == {False}
    assert given(second_opinion=True) == {True}


class _Result:
    """A result of CTranslate2's with other tokens."""

    def __init__(self, result, tokens):
        self.sequences_ids = [tokens]
        self.scores = [-0.1]
        self.no_speech_prob = result.no_speech_prob


def _heard(whisper, monkeypatch):
    """How many windows each call of the encoder gets, as it goes on."""
    encode, counts = whisper._encoder.encode, []

    def counted(windows, context):
        counts.append(len(windows))
        return encode(windows, context)

    monkeypatch.setattr(whisper._encoder, "encode", counted)
    return counts
