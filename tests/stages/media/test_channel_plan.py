"""What is done with a recording's channels, decided by measurement, on generated sound."""

# proves: V10

from __future__ import annotations

import numpy as np
import pytest

from reelmill.errors import InputError
from reelmill.stages.media.channel_files import PlannedSound
from reelmill.stages.media.channel_plan import ChannelPlan, plan_channels
from tests.media.make import RATE
from tests.media.two_channels import Bytes, Float32, later, people


def int16(*channels: Float32) -> list[np.ndarray]:
    return [np.clip(one * 32767, -32768, 32767).astype("<i2") for one in channels]


def plan(*channels: Float32, layout: str = "stereo", asked: str = "auto") -> ChannelPlan:
    return plan_channels(int16(*channels), layout, asked)[0]


@pytest.fixture(scope="module")
def ab() -> tuple[Float32, Float32]:
    return people()


@pytest.fixture(scope="module")
def both(ab: tuple[Float32, Float32]) -> Float32:
    """The call as one sound."""
    return ab[0] + ab[1]


def noise(like: Float32, level: float, seed: int = 0) -> Float32:
    return np.random.default_rng(seed).normal(0, level, len(like)).astype(np.float32)


def test_channels_with_one_person_each_are_separated(ab):
    found = plan(*ab)
    assert found.apart == (0, 1) and found.leaks == ()
    assert found.text == "left and right have different people; each was recognized on its own"
    assert plan(ab[0], 0.05 * ab[1]).apart == (0, 1)  # whoever is quiet is somebody too


def test_people_who_always_talk_at_the_same_time_are_separated(ab):
    a, b = ab
    shifted = np.roll(b, -int(np.flatnonzero(np.abs(b) > 0.01)[0]))
    assert plan(a[: 10 * RATE], shifted[: 10 * RATE]).apart == (0, 1)


def test_dual_mono_is_recognized(both):
    assert plan(both, both).gains == (0.5, 0.5)
    assert plan(both, both).text == "left and right are the same"
    hiss = [both + noise(both, 0.002, seed) for seed in (1, 2)]
    assert plan(*hiss).gains == (0.5, 0.5)
    louder = plan(both, 0.1 * both)
    assert louder.gains == (1, 0) and "left, the louder, was read" in louder.text


def test_antiphase_is_recognized_and_inverted(both):
    found = plan(both, -both)
    assert sorted(found.gains) == [-0.5, 0.5]
    assert "inverted (they would cancel each other) and was turned over" in found.text
    assert plan(both, -both, asked="mix").gains == (0.5, -0.5)


def test_a_delayed_channel_is_recognized(both):
    found = plan(both, later(both, 0.008))
    assert found.gains == (1, 0) and found.text == "right is left 8.0 ms later; left was read"


def test_a_channel_without_speech_is_left_out(both):
    silent = plan(both, np.zeros_like(both))
    assert silent.gains == (1, 0) and silent.text == "right is silent; left was read"
    hiss = plan(noise(both, 0.05), both)
    assert hiss.gains == (0, 1) and hiss.text == "nobody speaks in left; right was read"


@pytest.mark.parametrize("decibels", [-10, -20])
@pytest.mark.parametrize("late", [0.005, 0.2])
def test_a_channel_that_leaks_into_the_other_is_muted_there(ab, decibels, late):
    a, b = ab
    leaking = b + 10 ** (decibels / 20) * later(a, late)
    found = plan(a, leaking)
    assert found.apart == (0, 1)
    (leak,) = found.leaks
    assert (leak.source, leak.into) == (0, 1) and leak.gain == pytest.approx(decibels, abs=2)
    assert f"left leaks into right ({leak.gain:.0f} dB) and was muted there" in found.text

    channels = int16(a, leaking)
    sink = Bytes()
    PlannedSound(*plan_channels(channels, "stereo", "auto"), channels).write_channel(
        1, sink_of(sink)
    )
    kept = np.frombuffer(bytes(sink.data), "<i2").astype(np.float32) / 32767
    only_a = np.convolve(np.abs(b), np.ones(RATE // 2), "same") == 0
    assert rms(kept[only_a]) < 0.15 * rms(leaking[only_a])  # it is gone
    spoken = np.abs(b) > 0.02
    assert rms(kept[spoken] - leaking[spoken]) < 0.1 * rms(leaking[spoken])  # what b says is not


def sink_of(sink: Bytes):
    sink.finish = lambda: None
    return sink


def rms(sound: Float32) -> float:
    return float(np.sqrt(np.mean(np.square(sound))))


def test_a_channel_with_only_an_echo_is_not_a_person(ab):
    a, _ = ab
    found = plan(a, 0.3 * later(a, 0.02) + noise(a, 0.001))
    assert found.apart == () and found.gains in ((1, 0), (0.5, 0.5))


def test_two_people_in_a_stereo_room_are_not_separated_by_channel(ab):
    a, b = ab
    found = plan(a + 0.6 * later(b, 0.0004), 0.6 * later(a, 0.0004) + b)
    assert found.apart == () and found.gains == (0.5, 0.5)
    assert found.text.startswith("the same voices are heard in left and right")


def test_surround_sound_has_its_dialogue_in_the_centre(both):
    time = np.arange(len(both)) / RATE
    music = (0.1 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(3 * time))).astype(np.float32)
    low = (0.05 * np.sin(2 * np.pi * 50 * time)).astype(np.float32)
    side = noise(both, 0.02)
    found = plan(music, 0.8 * music, both, low, side, -side, layout="5.1(side)")
    assert found.gains == (0, 0, 1, 0, 0, 0)
    assert "5.1(side) with dialogue in the centre (channel3), which was read" in found.text


def test_a_recorder_with_one_microphone_per_person_is_not_surround_sound(ab):
    a, b = ab
    nothing = np.zeros_like(a)
    found = plan(a, nothing, b, np.roll(a, 8 * RATE), nothing, nothing, layout="5.1")
    assert found.apart == (0, 2, 3)
    assert "channel1, channel3 and channel4 have different people" in found.text


def test_requested_channels_are_used(ab, both):
    assert plan(*ab, asked="mix").apart == () and plan(*ab, asked="mix").gains == (0.5, 0.5)
    assert plan(both, both, asked="split").apart == (0, 1)
    assert plan(*ab, asked="2").gains == (0, 1)
    with pytest.raises(InputError, match="no channel 3: the recording has 2, counted from 1"):
        plan(*ab, asked="3")


def test_silent_channels_are_mixed():
    silence = np.zeros(RATE, np.float32)
    assert plan(silence, silence).gains == (0.5, 0.5)
    assert plan(silence[:100], silence[:100]).gains == (0.5, 0.5)
