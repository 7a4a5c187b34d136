"""Speech detection: the model run as a stream gives what one pass gives."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from faster_whisper import vad

from reelmill.artifacts import Audio, Speech
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.errors import ModelUnavailableError
from reelmill.media.audio.decode import decode
from reelmill.models.runtimes.onnx import SHIPPED
from reelmill.stages.speech import detect_speech as speech
from reelmill.stages.speech.detect_speech import DetectSpeech, speech_probabilities
from reelmill.testing import context_of

RATE = 16_000


def vowels(seconds: float, seed: int = 0) -> np.ndarray:
    """Speech-like int16: a buzz through three formants, in syllables with pauses between."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * time) + 5 * np.sin(2 * np.pi * 5 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        frequency = harmonic * 120
        gain = sum(np.exp(-(((frequency - f) / 150) ** 2)) for f in (600, 1200, 2500))
        sound += (gain + 0.02) * np.sin(harmonic * phase)
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 3.5 * time)
    talking = np.repeat(random.random(round(seconds) + 1) > 0.4, RATE)[: len(time)]
    sound = sound * syllables * talking + random.normal(0, 0.01, len(time))
    return np.int16(np.clip(sound / 4, -1, 1) * 32767)


def one_pass(samples: np.ndarray) -> np.ndarray:
    """The probabilities inside `faster_whisper.vad.get_speech_timestamps`."""
    found = []
    model = vad.get_vad_model()

    def spy(audio):
        found.append(model(audio))
        return found[0]

    with mock.patch.object(vad, "get_vad_model", lambda: spy):
        vad.get_speech_timestamps(samples.astype(np.float32) / 32768)
    return found[0]


def detect(tmp_path, samples: np.ndarray, **settings) -> Speech:
    (tmp_path / "x.pcm").write_bytes(samples.astype("<i2").tobytes())
    recording = Recording(tmp_path / "x.wav", "x", tmp_path, FileState("", "", 0, 0))
    return DetectSpeech(**settings).run(
        context_of(recording), Inputs([Audio("x.pcm", RATE, len(samples), 0)])
    )


def theirs(samples: np.ndarray) -> list[tuple[float, float]]:
    options = vad.VadOptions(max_speech_duration_s=30, min_silence_duration_ms=160)
    found = vad.get_speech_timestamps(samples.astype(np.float32) / 32768, options)
    return [(f["start"] / RATE, f["end"] / RATE) for f in found]


@pytest.mark.parametrize("length", [0, 1, 100, 511, 512, 513, 1000, 16 * 512, 16 * 512 + 480])
@pytest.mark.parametrize("block", [1, 7, 512])
def test_probabilities_of_a_stream_equal_those_of_one_pass(length, block):  # proves: V1 V2
    samples = vowels(2)[4000 : 4000 + length]
    with mock.patch.object(speech, "_BLOCK_FRAMES", block):
        ours = speech_probabilities(samples)
    np.testing.assert_allclose(ours, one_pass(samples), atol=1e-5)


def test_probabilities_of_a_long_stream_do_not_drift():  # proves: V1 V2
    samples = vowels(60)
    np.testing.assert_allclose(speech_probabilities(samples), one_pass(samples), atol=1e-5)


def test_spans_equal_those_of_faster_whisper(tmp_path):  # proves: V2
    samples = vowels(60, seed=2)
    found = [(span.start, span.end) for span in detect(tmp_path, samples).spans]
    assert found == theirs(samples)
    assert found  # the made-up voice counts as one


@pytest.mark.parametrize("samples", [0, 1, 800, 10 * RATE])
def test_silence_is_not_an_error(tmp_path, samples):  # proves: V2
    found = detect(tmp_path, np.zeros(samples, np.int16))
    assert found == Speech([], samples / RATE, 0.4)


@pytest.mark.parametrize("name", ["voicemail.wav", "noisy line.mp3", "통화 녹음 긴 침묵.m4a"])
def test_speech_of_calls_is_found_as_by_faster_whisper(tmp_path, name):  # proves: V2
    sound = io.BytesIO()
    decode(Path(str(resources.files("reelmill") / "assets" / "samples" / name)), sound)
    samples = np.frombuffer(sound.getvalue(), "<i2")
    np.testing.assert_allclose(speech_probabilities(samples), one_pass(samples), atol=1e-4)
    found = [(span.start, span.end) for span in detect(tmp_path, samples).spans]
    assert found == theirs(samples)
    assert found


def without_the_model(path: Path) -> str:
    speech._network.cache_clear()
    with mock.patch.object(speech, "_MODEL", path), pytest.raises(ModelUnavailableError) as caught:
        speech_probabilities(np.zeros(512, np.int16))
    return str(caught.value)


def test_without_the_model_the_message_says_what_to_do():  # proves: G11
    missing = SHIPPED / "speech-detector" / "gone.onnx"
    message = without_the_model(missing)
    assert str(missing) in message
    assert "install reelmill again" in message


def test_a_damaged_model_is_reported(tmp_path):  # proves: G11
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"half a file")
    assert f"{damaged} cannot be loaded" in without_the_model(damaged)


MEASURE = """
import resource, sys
import numpy as np
from pathlib import Path
from reelmill.artifacts import Audio
from reelmill.media.audio.samples import open_samples, window
from reelmill.stages.speech import detect_speech as speech
samples = open_samples(Path(sys.argv[1]), Audio("x.pcm", 16000, int(sys.argv[2]), 0))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
blocks = sum(len(block) for block in speech._blocks(samples))
for start in range(0, len(samples) // 16000, 30):
    window(samples, start, start + 30)
print(blocks, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_hours_of_sound_need_little_memory(tmp_path):  # proves: V1
    samples = 10 * 3600 * RATE
    with (tmp_path / "x.pcm").open("wb") as file:
        file.truncate(2 * samples)  # sparse
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, str(samples)],
        check=True,
        capture_output=True,
        text=True,
    )
    blocks, megabytes = map(int, answer.stdout.split())
    assert blocks == samples // 512 + 1
    assert megabytes < 60


@pytest.mark.espeak
@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_spans_of_synthetic_speech_are_found(tmp_path):  # proves: V2
    path = tmp_path / "speech.wav"
    text = "Good morning. Did you bring the money? <break time='2s'/> I will call you on Monday."
    subprocess.run(["espeak-ng", "-m", "-w", path, text], check=True)
    sound, rate = soundfile.read(path, dtype="float32")
    at = np.arange(0, len(sound), rate / RATE)
    samples = np.int16(np.interp(at, np.arange(len(sound)), sound) * 32767)
    samples = np.concatenate([np.zeros(2 * RATE, np.int16), samples])
    found = [(span.start, span.end) for span in detect(tmp_path, samples).spans]
    assert found == theirs(samples)
    assert len(found) >= 2  # the pause is one
    assert 1.4 < found[0][0] < 2.2


@pytest.mark.parametrize("seconds", [30, 100])
def test_speech_after_a_long_silence_is_found_from_its_beginning(tmp_path, seconds):
    # proves: V2 V4
    spoken, _ = soundfile.read(
        str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"), dtype="int16"
    )
    (tmp_path / "alone").mkdir()
    alone = detect(tmp_path / "alone", spoken, pad_ms=0).spans
    silence = np.zeros(seconds * RATE, np.int16)
    after = detect(tmp_path, np.concatenate([spoken, silence, spoken]), pad_ms=0).spans
    began = len(spoken) / RATE + seconds
    late = [span for span in after if span.start > len(spoken) / RATE + 1]
    assert late[0].start - began == pytest.approx(alone[0].start, abs=0.15)
    assert sum(span.duration for span in late) == pytest.approx(
        sum(span.duration for span in alone), rel=0.1
    )
