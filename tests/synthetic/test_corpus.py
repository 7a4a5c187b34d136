"""Corpora with truth; what needs espeak-ng says so."""

import json
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest

from synthetic import espeak
from synthetic.acoustics import Noise, noise, telephone
from synthetic.calls import CallPlan, make_call
from synthetic.corpus import call_durations, generate_corpus, plan_corpus
from synthetic.encode import SUFFIXES, write_sound
from synthetic.synth import RATE, audible, resample, synthesize
from synthetic.voices import (
    HELD_OUT_VARIANTS,
    TRAINING_VARIANTS,
    Voice,
    distinct_voices,
    random_voice,
)

needs_espeak = pytest.mark.skipif(not espeak.available(), reason=espeak.REMEDY)


def seconds_of(file: Path) -> float:
    with av.open(str(file)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
        return samples / container.streams.audio[0].rate


def test_durations_follow_the_collection():
    durations = call_durations()
    assert len(durations) == 183
    assert sum(durations) / 3600 == pytest.approx(25.9, rel=0.01)
    assert sorted(durations)[91] == pytest.approx(158, rel=0.02)
    assert max(durations) == 69 * 60
    assert call_durations() == durations
    assert call_durations(seed=2) != durations


def test_durations_can_be_scaled():
    assert max(call_durations(scale=0.1)) == pytest.approx(414)
    assert len(call_durations(1, median=30)) == 1


def test_held_out_voices_are_separate():
    assert not set(HELD_OUT_VARIANTS) & set(TRAINING_VARIANTS)
    rng = Random(1)
    assert {random_voice(rng, held_out=True).variant for _ in range(500)} == set(HELD_OUT_VARIANTS)
    voices = distinct_voices(rng, 4, held_out=True)
    assert len({voice.variant for voice in voices}) == 4


def test_plans_are_deterministic_and_have_two_voices():
    plans = plan_corpus([10.0] * 9, 3)
    assert plans == plan_corpus([10.0] * 9, 3)
    assert plans != plan_corpus([10.0] * 9, 4)
    for plan in plans:
        assert len({voice.variant for voice in plan.voices}) == 2
    assert {plan.language for plan in plans} == {"en", "ko", "ja"}


def test_resampling_keeps_a_tone():
    tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    wanted = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(resample(tone, 22050, 16000) - wanted)[200:-200].max() < 1e-3


@pytest.mark.parametrize("kind", [kind for kind in Noise if kind is not Noise.NONE])
def test_noise_is_level_and_long_enough(kind: Noise):
    sound = noise(np.random.default_rng(1), kind, 30 * RATE)
    assert len(sound) == 30 * RATE
    assert float(np.sqrt(np.mean(sound**2))) == pytest.approx(1, rel=0.2)


def test_the_telephone_filter_removes_other_frequencies():
    time = np.arange(RATE) / RATE
    for frequency, passes in ((100, False), (1000, True), (5000, False)):
        level = float(np.abs(telephone(np.sin(2 * np.pi * frequency * time))).max())
        assert (level > 0.9) is passes


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_formats_keep_the_duration(tmp_path: Path, suffix: str):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * RATE) / RATE).astype(np.float32)
    file = tmp_path / f"tone{suffix}"
    write_sound(file, tone)
    assert seconds_of(file) == pytest.approx(3, abs=0.15)


def test_unknown_format_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="no sound format"):
        write_sound(tmp_path / "a.xyz", np.zeros(10, np.float32))


@pytest.mark.espeak
@needs_espeak
@pytest.mark.parametrize("language", ["en", "ko", "ja"])
def test_words_of_a_call_follow_each_other(language: str):
    words = {
        "en": ("Where", "is", "the", "key?"),
        "ko": ("열쇠는", "어디", "있어요?"),
        "ja": ("かぎは", "どこですか？"),
    }[language]
    clip = synthesize(words, language, Voice("m1"))
    assert tuple(word.text for word in clip.words) == words
    starts = [word.start for word in clip.words]
    assert starts == sorted(starts)
    assert clip.words[0].start < 0.1
    assert clip.words[-1].end == pytest.approx(clip.duration, abs=0.01)
    assert 0.5 < clip.duration < 4


@pytest.mark.espeak
@needs_espeak
def test_words_without_times_from_espeak_share_the_rest():
    """It tells no time of Korean words that begin with a nasal."""
    clip = synthesize(("편지는", "아무에게도", "말하지", "마세요."), "ko", Voice("m1"))
    seconds = [word.end - word.start for word in clip.words]
    assert min(seconds) > 0.2 and max(seconds) < 0.9
    assert clip.words[-1].end == pytest.approx(clip.duration, abs=0.01)


@pytest.mark.espeak
@needs_espeak
def test_a_call_has_its_words_at_the_true_times():
    plan = CallPlan("x", 20.0, "en", (Voice("m1"), Voice("f2")), sentences=20)
    call = make_call(plan)
    assert np.array_equal(call.samples, make_call(plan).samples)
    assert call.duration == 20.0
    assert {said.speaker for said in call.utterances} == {"A", "B"}
    last = 0.0
    for said in call.utterances:
        assert said.start >= last
        inside = call.samples[int(said.start * RATE) : int(said.end * RATE)]
        gap = call.samples[int(last * RATE) + 32 : int(said.start * RATE) - 32]
        assert float(np.abs(inside).max()) > 0.02
        assert float(np.abs(gap).max(initial=0)) == 0
        last = said.end
    assert last <= call.duration


@pytest.mark.espeak
@needs_espeak
def test_unknown_voice_is_an_error():
    with pytest.raises(espeak.EspeakError, match="no voice"):
        espeak.speak("hello", "xx-nowhere", 170, 50)


@pytest.mark.espeak
@needs_espeak
def test_the_truth_of_the_corpus_matches_the_files(tmp_path: Path):
    made = generate_corpus(tmp_path, 4, 5, durations=[6.0, 7.0, 8.0, 9.0], sentences=10, workers=1)
    assert {recording.file.suffix for recording in made} == set(SUFFIXES)
    for recording in made:
        truth = json.loads(recording.truth.read_text(encoding="utf-8"))
        assert truth["schema"] == "reelmill-truth/1"
        assert truth["file"] == recording.file.name
        assert seconds_of(recording.file) == pytest.approx(truth["duration"], abs=0.2)
        for said in truth["utterances"]:
            assert 0 <= said["start"] < said["end"] <= truth["duration"]
            assert said["speaker"] in truth["speakers"]
            heard = [time for span in said["audible"] for time in span]
            assert heard == sorted(heard)
            assert said["start"] <= heard[0] < heard[-1] <= said["end"]


def test_pauses_and_echoes_are_not_audible():
    """Half a second of tone, a short pause, tone, a long pause, tone, and an echo 40 dB below."""
    tone = np.sin(np.arange(8_000) / 3).astype(np.float32)
    silence = np.zeros(16_000, np.float32)
    parts = [tone, silence[:3_200], tone, silence[:6_400], tone, tone / 100]
    assert audible(np.concatenate(parts)) == ((0.0, 1.2), (1.6, 2.1))


@pytest.mark.espeak
@needs_espeak
def test_several_processes_make_the_same_corpus(tmp_path: Path):
    def make(name: str, workers: int) -> list[bytes]:
        made = generate_corpus(
            tmp_path / name, 2, 6, durations=[5.0, 5.0], suffixes=(".wav",), workers=workers
        )
        return [recording.file.read_bytes() for recording in made]

    assert make("alone", 1) == make("together", 2)


@pytest.mark.espeak
@needs_espeak
def test_the_same_request_gives_the_same_samples():
    first = espeak.speak("Where is the key?", "en-us+m1", 170, 50)
    espeak.speak("Something else, said before.", "ko+f5", 200, 20)
    again = espeak.speak("Where is the key?", "en-us+m1", 170, 50)
    assert np.array_equal(first.samples, again.samples)
    assert first.words == again.words


def test_missing_espeak_is_reported_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    server = tmp_path / "server.py"
    server.write_text('print(\'{"missing": "no such library"}\')')
    monkeypatch.setattr(espeak, "_SERVER", server)
    with pytest.raises(espeak.EspeakError, match="apt-get install espeak-ng"):
        espeak._Server()
