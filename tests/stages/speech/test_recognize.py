"""Speech to text with times of the original."""

import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Audio, Span, Speech
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.errors import InputError, ModelUnavailableError
from reelmill.models.files.cache import resolve
from reelmill.models.whisper.decoded import DecodedSegment, DecodedWindow
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.recognize import Recognize, cut_by_length, in_original
from reelmill.testing import context_of

SPEC = WhisperSpec(Path("nowhere"), "demo", "digest")


@pytest.fixture
def recording(tmp_path):
    samples = np.random.default_rng(0).integers(-3000, 3000, 100 * 16_000).astype("<i2")
    samples.tofile(tmp_path / "audio.raw")
    return Recording(Path("call.wav"), "call", tmp_path, FileState("a" * 64, "b", 1, 1))


def inputs(*spans):
    audio = Audio("audio.raw", 16_000, 100 * 16_000, 0)
    speech = Speech([Span(*span) for span in spans], 100.0)
    return Inputs([audio, speech])


def decoded(*times):
    return [DecodedSegment(start, end, f"{start}", -0.2, 0.1, 1.1, 0.0) for start, end in times]


class ScriptedWhisper:
    """One segment over the first two seconds of each window."""

    def decode(self, windows, languages, options, before=()):
        return [DecodedWindow(tuple(decoded((0.0, 2.0))), "ko", {"ko": 0.9}) for _ in windows]


def test_split_gives_windows_of_speech(recording):
    # proves: G2 V2
    stage = Recognize(SPEC, ("ko",))
    items = list(stage.split(context_of(recording), inputs((1, 11), (12, 30), (40, 55))))
    assert [item.pieces for item in items] == [((1, 11), (12, 30)), ((40, 55),)]
    assert [item.cost for item in items] == [28, 15]
    assert [item.features.shape for item in items] == [(80, 2800), (80, 1500)]
    assert {item.languages for item in items} == {("ko",)}


def test_arrays_of_items_are_pickled_out_of_band(recording):
    # proves: G20
    (item,) = Recognize(SPEC).split(context_of(recording), inputs((0, 30)))
    buffers = []
    message = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
    assert len(message) < 1000
    assert sum(len(buffer.raw()) for buffer in buffers) == 80 * 3000 * 4


def test_infer_and_merge_give_a_recognition(recording):
    # proves: V2
    stage, given_ = Recognize(SPEC), inputs((1, 11), (12, 30), (40, 55))
    items = list(stage.split(context_of(recording), given_))
    found = stage.merge(context_of(recording), given_, iter(stage.infer(ScriptedWhisper(), items)))
    times = [[(s.start, s.end) for s in window.segments] for window in found.windows]
    assert times == [[(1.0, 3.0)], [(40.0, 42.0)]]
    assert [window.language for window in found.windows] == ["ko", "ko"]
    assert [window.seconds for window in found.windows] == [28, 15]


def test_silence_has_no_windows(recording):
    # proves: S6
    assert list(Recognize(SPEC).split(context_of(recording), inputs())) == []


def test_an_unknown_language_is_refused(recording):
    with pytest.raises(InputError, match="'klingon'"):
        list(Recognize(SPEC, ("klingon",)).split(context_of(recording), inputs((0, 5))))


PIECES = ((10.0, 14.0), (20.0, 26.0))


@pytest.mark.parametrize(
    ("window", "original"),
    [
        ([(0.0, 4.0), (4.0, 10.0)], [(10.0, 14.0), (20.0, 26.0)]),
        ([(1.0, 6.0)], [(11.0, 22.0)]),  # across the dropped silence
        ([(0.0, 30.0)], [(10.0, 26.0)]),
        ([(2.0, 12.0), (12.0, 14.0)], [(12.0, 26.0)]),  # past the sound
        ([(0.0, 4.0), (3.0, 6.0)], [(10.0, 14.0), (20.0, 22.0)]),  # overlapping
        ([(0.0, 9.98), (11.0, 12.0)], [(10.0, 25.98)]),
        ([(11.0, 12.0)], [(25.9, 26.0)]),
    ],
)
def test_times_are_those_of_the_original(window, original):
    # proves: V2
    found = [(s.start, s.end) for s in in_original(decoded(*window), PIECES)]
    assert found == original


def test_no_segment_extends_over_a_pause_into_padding():
    # proves: V2
    (late,) = in_original(decoded((3.7, 8.0)), PIECES, padding=0.4)
    assert (late.start, late.end) == (20.0, 24.0)
    (early,) = in_original(decoded((1.0, 4.3)), PIECES, padding=0.4)
    assert (early.start, early.end) == (11.0, 14.0)


def test_segments_without_word_times_are_cut_at_pauses():
    # proves: V2
    said = [replace(decoded((2.0, 8.0))[0], text=" one two three four five six")]
    found = list(in_original(list(cut_by_length(said, PIECES, "en")), PIECES))
    assert [(s.start, s.end, s.text.strip()) for s in found] == [
        (12.0, 14.0, "one two"),
        (20.0, 24.0, "three four five six"),
    ]
    begun_early = [replace(said[0], start=3.4)]
    (one,) = in_original(list(cut_by_length(begun_early, PIECES, "en", 0.4)), PIECES, 0.4)
    assert (one.start, one.text) == (20.0, said[0].text)
    whole = decoded((0.0, 4.0), (4.0, 9.0))
    assert list(cut_by_length(whole, PIECES, "en")) == whole


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), max_size=8))
def test_times_are_always_in_order(times):
    # proves: V2 S5
    found = list(in_original(decoded(*times), PIECES))
    borders = [border for segment in found for border in (segment.start, segment.end)]
    assert borders == sorted(borders)
    for segment in found:
        assert segment.start < segment.end
        assert any(a - 1e-3 <= segment.start <= b + 1e-3 for a, b in PIECES)


def test_settings_are_part_of_the_key():
    # proves: G12
    one = Recognize(SPEC).fingerprint()
    other = Recognize(SPEC, options=DecodingOptions(hotwords="Kim")).fingerprint()
    assert Recognize(SPEC, ("ko",)).fingerprint() != one
    assert one != other
    assert one["options"] == asdict(DecodingOptions())
    assert replace(SPEC, compute_type="float32").identity != SPEC.identity


def test_the_demo_model_recognizes_a_call(recording):
    # proves: V3
    try:
        files = resolve("demo")
    except ModelUnavailableError as error:
        pytest.skip(f"the demo model has not been made yet: {error}")
    spec = WhisperSpec(files.path, files.name, files.identity, files.n_mels)
    stage, given_ = Recognize(spec), inputs((1, 11), (40, 70))
    model = spec.load(Device("cpu"), 1)
    outputs = stage.infer(model, list(stage.split(context_of(recording), given_)))
    assert len(outputs) == 2
    assert all(window.language in window.languages for window in outputs)
