"""The shipped speaker networks, on sounds made here."""

from __future__ import annotations

import io
from dataclasses import replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.media.audio.decode import decode
from reelmill.models.speakers.features import kaldi_filter_banks, wespeaker_filter_banks
from reelmill.models.speakers.files import encoder_spec, segmentation_spec
from reelmill.models.speakers.networks import OnnxNetwork, Segmentation, frames_of

CPU = Device("cpu")


def voice(pitch: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * pitch * time + 3 * np.sin(5 * time)
    return (0.05 * sum(np.sin(k * phase) / k for k in range(1, 20))).astype(np.float32)


def sample_talk() -> np.ndarray:
    """Two synthetic people, A and B, int16."""
    sound = io.BytesIO()
    decode(Path(str(files("reelmill"))) / "assets" / "samples" / "planning a trip.ogg", sound)
    return np.frombuffer(sound.getvalue(), "<i2")


# proves: V5
def test_silence_has_no_speakers_and_results_do_not_depend_on_the_batch() -> None:
    spec = segmentation_spec("default")
    model = spec.load(CPU, 1)
    spec.warm_up(model)
    silence = np.zeros((3, spec.window_samples), np.int16)
    talk = (voice(120, 10) * 32767).astype(np.int16)[None]
    ((alone,),) = model.hear([talk])
    first, (second,) = model.hear([silence, talk])
    assert alone.speech.shape == (frames_of(160_000),) == (589,)
    assert len(first) == 3 and all((heard.speech < 1).all() for heard in first)
    assert np.array_equal(second.speech, alone.speech)
    assert np.array_equal(second.speaker, alone.speaker)


# proves: V5
def test_a_conversation_has_speech_pauses_and_more_than_one_speaker() -> None:
    spec = segmentation_spec("default")
    talk = sample_talk()[: 2 * spec.window_samples]
    ((first, second),) = spec.load(CPU, 1).hear([talk.reshape(2, spec.window_samples)])
    spoken = np.concatenate([first.speech, second.speech]) > 1
    assert 0.2 < spoken.mean() < 0.98
    assert len({*first.speaker[first.speech > 1].tolist()}) > 1


# proves: V5
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    """Which differs from machine to machine, and with what memory is free."""
    spec, encoder = segmentation_spec("default"), encoder_spec("default")
    runs = [
        (voice(pitch, 20) * 32767).astype(np.int16).reshape(2, spec.window_samples)
        for pitch in (100, 130, 210)
    ]
    one, more = (spec.load(CPU, threads).hear(runs) for threads in (1, 2))
    for first, second in zip(chain(*one), chain(*more), strict=True):
        assert np.array_equal(first.speech, second.speech)
    voices = np.stack([encoder.piece(voice(pitch, 4)) for pitch in (90, 120, 240)])
    one, more = (encoder.load(CPU, threads).embed([voices, voices[:2]]) for threads in (1, 2))
    assert np.array_equal(np.concatenate(one), np.concatenate(more))


# proves: V5
def test_the_encoder_for_the_cpu_gives_the_embeddings_of_the_one_for_gpus() -> None:
    """Made with 8 bits: the same voices are alike in both."""
    spec = encoder_spec("default")
    assert spec.file("cpu") != spec.file("cuda") == spec.path
    talk = sample_talk().astype(np.float32) / 32768
    pieces = np.stack([spec.piece(talk[at * 16_000 : (at + 2) * 16_000]) for at in (1, 7, 11, 16)])
    (small,) = spec.load(CPU, 1).embed([pieces])
    (full,) = replace(spec, on_cpu=None).load(CPU, 1).embed([pieces])
    assert ((small * full).sum(axis=1) > 0.95).all()
    assert np.abs(small @ small.T - full @ full.T).max() < 0.1


def test_a_file_for_the_cpu_that_is_missing_is_named(tmp_path: Path) -> None:
    network = tmp_path / "encoder.onnx"
    network.write_bytes(b"network")
    (tmp_path / "config.json").write_text('{"features": "3d-speaker", "on_cpu": "small.onnx"}')
    with pytest.raises(
        ModelUnavailableError, match=r"on_cpu names small\.onnx, which is not there"
    ):
        encoder_spec(str(network))
    (tmp_path / "small.onnx").write_bytes(b"small")
    spec = encoder_spec(str(network))
    assert spec.file("cpu") == tmp_path / "small.onnx" and spec.file("cuda") == network
    (tmp_path / "small.onnx").write_bytes(b"other")
    assert encoder_spec(str(network)).identity != spec.identity


def test_windows_of_different_lengths_are_inferred_together_as_on_a_gpu() -> None:
    """A short recording has a shorter window than others in the batch."""
    network = OnnxNetwork(segmentation_spec("default").path, CPU, 1)
    groups = [
        np.stack([voice(pitch, seconds)])[:, None]
        for pitch, seconds in ((120, 10), (90, 5), (200, 10), (130, 5.5))
    ]
    network._together = True
    for one, together in zip(map(network._infer, groups), network.run(groups), strict=True):
        assert one.shape == together.shape and np.allclose(one, together, atol=1e-3)


class Sets:
    """Stands in for a powerset network: two frames, nobody, then the first and third speaker."""

    path = Path("sets.onnx")

    def run(self, groups: list[np.ndarray]) -> list[np.ndarray]:
        scores = np.full((len(groups[0]), 2, 7), -9.0, np.float32)
        scores[:, 0, 0] = scores[:, 1, 5] = 0.0  # none, 1, 2, 3, 1+2, 1+3, 2+3
        return [scores]


def test_a_powerset_network_gives_the_same_kind_of_results() -> None:
    ((heard,),) = Segmentation(cast(OnnxNetwork, Sets())).hear([np.zeros((1, 100), np.int16)])
    assert (heard.speech > 1).tolist() == (heard.overlap > 1).tolist() == [False, True]
    assert heard.speaker[1] in (0, 2)


# proves: V5
def test_an_embedding_has_unit_length_and_depends_only_on_its_speaker() -> None:
    spec = encoder_spec("default")
    model = spec.load(CPU, 1)
    spec.warm_up(model)
    talk = sample_talk().astype(np.float32) / 32768
    said = ((1.0, 3.0), (11.4, 13.4), (7.2, 9.2), (16.3, 18.3))  # twice A, twice B
    pieces = np.stack([spec.piece(talk[round(16e3 * a) : round(16e3 * b)]) for a, b in said])
    found, (alone,) = model.embed([pieces, pieces[3:]])
    assert found.shape == (4, 192) and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(found[3], alone, atol=1e-5)
    assert np.array_equal(model.embed([pieces[3:]])[0][0], alone)
    alike = found @ found.T
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.02, alike


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.99, 2.0, 5.0])
def test_a_piece_has_two_seconds_of_features_for_any_length(seconds: float) -> None:
    for features in ("3d-speaker", "wespeaker"):
        spec = replace(encoder_spec("default"), features=features)
        assert spec.piece(voice(150, seconds)).shape == (200, 80)


def test_features_have_a_frame_every_10_ms_and_zero_mean() -> None:
    for banks in (kaldi_filter_banks, wespeaker_filter_banks):
        found = banks(voice(150, 1))
        assert found.shape == (98, 80)
        assert np.allclose(found.mean(axis=0), 0, atol=1e-4)


def test_loudness_does_not_change_the_features() -> None:
    sound = voice(150, 1)
    loud, quiet = kaldi_filter_banks(sound), kaldi_filter_banks(sound / 4)
    assert np.abs(loud - quiet).mean() < 0.05


def test_a_file_that_is_not_a_network_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    with pytest.raises(ModelUnavailableError, match=r"wrong\.onnx"):
        segmentation_spec(str(wrong)).load(CPU, 1)
    with pytest.raises(ModelUnavailableError, match="no speaker-encoder network 'nonsense'"):
        encoder_spec("nonsense")
