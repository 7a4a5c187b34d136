"""When how many people speak, put together from windows."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from reelmill.artifacts import Audio, SpeakerActivity
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.models.speakers.files import segmentation_spec
from reelmill.models.speakers.networks import FRAME_STEP, Heard, Segmentation, frames_of
from reelmill.stages.speakers.activity_tracks import ActivityTracks
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.stages.speakers.loudness import spoken_frames
from reelmill.stages.speakers.segment_speakers import HeardInWindow, SegmentSpeakers, SpeakerWindows
from reelmill.testing import context_of

STAGE = SegmentSpeakers(segmentation_spec("default"))
FRAMES = STAGE.model.window_frames


def recorded(folder: Path, samples: np.ndarray) -> tuple[Recording, Inputs]:
    samples.astype("<i2").tofile(folder / "audio.raw")
    audio = Audio("audio.raw", 16_000, len(samples), 0)
    state = FileState("a" * 64, "b" * 32, 1, 1)
    recording = Recording(folder / "call.wav", "call", folder, state)
    return recording, Inputs([audio])


# proves: V5
def test_all_windows_except_silent_ones_are_used(tmp_path: Path) -> None:
    """Fifteen seconds of sound, thirty-five of silence, ten of sound."""
    rng = np.random.default_rng(1)
    samples = np.zeros(60 * 16_000, np.int16)
    samples[: 15 * 16_000] = rng.normal(scale=500, size=15 * 16_000)
    samples[50 * 16_000 :] = rng.normal(scale=500, size=10 * 16_000)
    recording, inputs = recorded(tmp_path, samples)
    firsts = list(STAGE._firsts(samples))
    seconds = [first * FRAME_STEP / 16_000 for first in firsts]
    assert [start for start in seconds if start < 30] == sorted(s for s in seconds if s < 15)
    assert min(s for s in seconds if s > 30) > 40
    items = list(STAGE.split(context_of(recording), inputs))
    windows = [window for item in items for window in item.windows()]
    assert len(windows) == len(firsts) > len(items)
    assert max(len(item.starts) for item in items) == STAGE.together
    for first, window in zip(firsts, windows, strict=True):
        there = samples[first * FRAME_STEP : first * FRAME_STEP + len(window)]
        assert np.array_equal(window[: len(there)], there) and not window[len(there) :].any()


# proves: V5
@pytest.mark.parametrize("seconds", [0.5, 4.2, 9.9, 10.5, 15.1, 31.0])
def test_no_window_is_beyond_the_first_that_contains_the_end(
    tmp_path: Path, seconds: float
) -> None:
    """Every frame is in a window, and a short recording is one window, not filled up to ten
    seconds."""
    samples = np.full(round(seconds * 16_000), 900, np.int16)
    recording, inputs = recorded(tmp_path, samples)
    items = list(STAGE.split(context_of(recording), inputs))
    frames = {frames_of(window.size) for item in items for window in item.windows()}
    firsts, wanted = list(STAGE._firsts(samples)), len(samples) // FRAME_STEP + 1
    assert frames == {min(FRAMES, max(wanted, 237))}
    assert [first + FRAMES >= wanted for first in firsts] == [False] * (len(firsts) - 1) + [True]


# proves: V5
def test_the_speech_detector_is_not_used() -> None:
    """Voices that the speech detector misses are still heard, because its result is not read."""
    assert STAGE.needs == (Audio,)
    assert EmbedSpeakers.needs == (Audio, SpeakerActivity)


class SameVoiceThenAnother:
    """Stands in for the network: speech all along, another speaker from the middle on."""

    def hear(self, runs: list[np.ndarray]) -> list[list[Heard]]:
        sure, half = np.full(FRAMES, 1.3, np.float32), np.zeros(FRAMES, np.float32)
        speaker = np.arange(FRAMES) // (FRAMES // 2 + 1)
        return [[Heard(sure, half, speaker) for _ in windows] for windows in runs]


def test_a_speaker_change_is_where_windows_agree() -> None:
    item = SpeakerWindows(np.zeros(STAGE.model.window_samples, np.int16), (0,))
    ((heard,),) = STAGE.infer(cast(Segmentation, SameVoiceThenAnother()), [item])
    assert heard.changes == (FRAMES // 2 + 1,)
    assert heard.turns == ((0, FRAMES // 2 + 1, 0), (FRAMES // 2 + 1, FRAMES, 1))


def test_windows_are_merged_up_to_the_end(tmp_path: Path) -> None:
    """Two windows over twelve seconds of noise: speech from 1 s to 11 s, another voice at 4 s, both
    at once from 3 s to 3.5 s."""
    samples = np.random.default_rng(2).normal(scale=900, size=12 * 16_000).astype(np.int16)
    recording, inputs = recorded(tmp_path, samples)
    outputs = []
    for first in STAGE._firsts(samples):
        times = (first + np.arange(FRAMES)) * FRAME_STEP / 16_000
        speech = np.where((times > 1) & (times < 11), 1.4, 0.5).astype(np.float16)
        overlap = np.where((times > 3) & (times < 3.5), 1.2, 0.1).astype(np.float16)
        change = int(np.argmin(np.abs(times - 4.0)))
        changes = (change,) if 0 < change < FRAMES - 1 else ()
        outputs.append(HeardInWindow(speech, overlap, changes))
    found = STAGE.merge(context_of(recording), inputs, iter([outputs]))
    (speech_span,), (overlap_span,), (change_at,) = found.speech, found.overlaps, found.changes
    assert abs(speech_span.start - 1) < 0.05 and abs(speech_span.end - 11) < 0.05
    assert abs(overlap_span.start - 3) < 0.05 and abs(overlap_span.end - 3.5) < 0.05
    assert abs(change_at - 4) < 0.15


def test_noise_that_the_network_takes_for_speech_is_left_out() -> None:
    """Loud for two seconds, then noise; the network is unsure only in the last second."""
    rng = np.random.default_rng(3)
    samples = rng.normal(scale=100, size=4 * 16_000)
    samples[: 2 * 16_000] *= 20
    frames = len(samples) // FRAME_STEP + 1
    times = np.arange(frames) * FRAME_STEP / 16_000
    score = np.where(times < 3, 1.4, 0.1).astype(np.float32)
    spoken = spoken_frames(samples.astype(np.int16), score, 4.0)
    assert spoken[times < 1.9].all() and not spoken[times > 2.1].any()
    sure = np.where((times > 2.2) & (times < 2.8), 1.9, score).astype(np.float32)
    quiet_voice = spoken_frames(samples.astype(np.int16), sure, 4.0)
    assert quiet_voice[(times > 2.3) & (times < 2.7)].all()
    assert spoken_frames(samples.astype(np.int16), np.full(frames, 1.4, np.float32), 4.0).all()


def test_the_quiet_end_of_a_word_is_speech_but_not_a_quiet_sound_elsewhere() -> None:
    """Speech for two seconds, fading for 0.2 s below what the network is sure of."""
    rng = np.random.default_rng(3)
    frames = 6 * 16_000 // FRAME_STEP + 1
    times = np.arange(frames) * FRAME_STEP / 16_000
    level = np.where(times < 2, 2000, np.where(times < 2.2, 400, 50)) + np.where(times > 5, 350, 0)
    samples = rng.normal(size=6 * 16_000) * np.repeat(level, FRAME_STEP)[: 6 * 16_000]
    score = np.where(times < 2, 1.9, np.where((times < 2.2) | (times > 5), 0.4, 0.1))
    spoken = spoken_frames(samples.astype(np.int16), score.astype(np.float32), 3.0)
    assert spoken[times < 2.15].all() and not spoken[times > 2.3].any()


def test_silence_has_no_activity() -> None:
    tracks = ActivityTracks(16_000, FRAMES)
    spoken = spoken_frames(np.zeros(16_000, np.int16), tracks.speech, 3.0)
    found = tracks.activity("m", 1.0, spoken)
    assert (found.speech, found.overlaps, found.changes) == ([], [], [])
