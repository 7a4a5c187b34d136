"""Text drawn at a temperature: its distribution, and the same text for the same sound."""

from types import SimpleNamespace

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.models.whisper import sampling
from reelmill.models.whisper.decoding import DecodingOptions, SpecialTokens
from reelmill.models.whisper.features import log_mel
from reelmill.models.whisper.sampling import draw
from reelmill.models.whisper.spec import WhisperSpec
from tests.models.model_sounds import sound

END, STAMPS, TOKENS = 5, 6, 12
SPECIAL = SpecialTokens(END, STAMPS)
#: Logits of the next token after each token of the text, and after the prompt (last row).
LOGITS = np.random.default_rng(4).normal(0, 1.5, (TOKENS + 1, TOKENS)).astype(np.float32)
LOGITS[:, END] -= 1


def ahead(tokens, length, is_first):
    """What CTranslate2 gives for a model whose next token depends on the last one only."""
    text = tokens[1:]
    logits = [LOGITS[one] for one in [-1, *text]]
    while len(text) + 1 < length:
        likeliest = int(np.where(np.arange(TOKENS) > END, -np.inf, logits[-1]).argmax())
        if likeliest == END:
            break
        text = [*text, likeliest]
        logits.append(LOGITS[likeliest])
    return SimpleNamespace(sequences_ids=[text], logits=[logits[: length - 1]], no_speech_prob=0.1)


def drawn(seed, temperature, longest=9):
    return draw(ahead, [99], longest, SPECIAL, temperature, seed, timestamps=False)


@pytest.mark.parametrize("temperature", [0.4, 1.0])
def test_tokens_have_the_probabilities_of_the_temperature(temperature):
    found = [drawn(seed, temperature, 4).tokens for seed in range(3000)]
    logits = LOGITS[-1, : END + 1].astype(float) / temperature
    expected = np.exp(logits - np.logaddexp.reduce(logits))
    firsts = [one[0] if one else END for one in found]
    counted = np.bincount(firsts, minlength=END + 1) / len(firsts)
    assert np.abs(counted - expected).max() < 0.03
    after = [one[1] for one in found if len(one) > 1 and one[0] == int(expected[:END].argmax())]
    logits = LOGITS[int(expected[:END].argmax()), :END].astype(float) / temperature
    expected = np.exp(logits - np.logaddexp.reduce(logits))
    counted = np.bincount(after, minlength=END) / len(after)
    assert np.abs(counted - expected).max() < 0.05


def test_going_ahead_changes_nothing(monkeypatch):
    found = [drawn(seed, 1.0) for seed in range(200)]
    monkeypatch.setattr(sampling, "_AHEAD", 1)
    assert [drawn(seed, 1.0) for seed in range(200)] == found
    assert len({one.tokens for one in found}) > 50


def test_the_likeliest_text_is_drawn_when_it_is_cold():
    texts = {drawn(seed, 1e-3).tokens for seed in range(20)}
    assert texts == {tuple(ahead([99], 9, True).sequences_ids[0])}


def test_timestamps_come_in_pairs_and_do_not_go_back():
    for seed in range(200):
        one = draw(ahead, [99], 30, SPECIAL, 1.0, seed, timestamps=True).tokens
        stamps = [token for token in one if token >= STAMPS]
        assert stamps == sorted(stamps)
        closed = [i for i in range(1, len(one)) if one[i] >= STAMPS > one[i - 1]]
        assert all(i + 1 >= len(one) or one[i + 1] >= STAMPS for i in closed)


def test_a_loaded_model_draws_by_the_sound(demo):
    # proves: G12 W2
    spec = WhisperSpec(demo.path, demo.name, demo.identity, demo.n_mels)
    model = spec.load(Device("cpu"), 1)
    windows = [log_mel(sound(3.0, seed)) for seed in range(3)]

    def texts(order, temperature, task="transcribe"):
        options = DecodingOptions(temperature=temperature, task=task)
        found = model.decode([windows[i] for i in order], [("en",)] * len(order), options)
        return {
            i: [(one.text, round(one.avg_logprob, 4)) for one in window.segments]
            for i, window in zip(order, found, strict=True)
        }

    warm = texts([0, 1, 2], 1.0)
    assert texts([2, 0, 1], 1.0) == warm  # whatever was drawn before
    assert warm != texts([0, 1, 2], 0.0)
    assert texts([0], 1.0, "translate") == texts([0], 1.0, "translate")
