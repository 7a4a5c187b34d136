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
from reelmill.models.speakers.features import kaldi_filter_banks, mel_powers
from reelmill.models.speakers.files import encoder_spec, segmentation_spec
from reelmill.models.speakers.networks import OnnxNetwork, Segmentation, frames_of

CPU = Device("cpu")


def voice(pitch: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * pitch * time + 3 * np.sin(5 * time)
    return (0.05 * sum(np.sin(k * phase) / k for k in range(1, 20))).astype(np.float32)


# proves: V5
@pytest.mark.parametrize("everywhere", [False, True], ids=["for the CPU", "for any device"])
def test_silence_has_no_speakers_and_results_do_not_depend_on_the_batch(everywhere: bool) -> None:
    spec = segmentation_spec("default")
    if everywhere:
        spec = replace(spec, on_cpu=None)
    model = spec.load(CPU, 1)
    spec.warm_up(model)
    silence = np.zeros((3, spec.window_samples), np.int16)
    talk = (voice(120, 5) * 32767).astype(np.int16)[None]
    ((alone,),) = model.hear([talk])
    first, (second,) = model.hear([silence, talk])
    assert alone.speech.shape == (frames_of(80_000),) == (293,)
    assert len(first) == 3 and all((heard.speech < 1).all() for heard in first)
    assert np.array_equal(second.speech, alone.speech)
    assert np.array_equal(second.speaker, alone.speaker)


def test_the_network_for_the_cpu_hears_what_the_other_hears() -> None:
    spec = segmentation_spec("default")
    everywhere = replace(spec, on_cpu=None)
    assert spec.file("cpu") != everywhere.file("cpu") == spec.file("cuda") == spec.path
    sound = io.BytesIO()
    decode(Path(str(files("reelmill"))) / "assets" / "samples" / "planning a trip.ogg", sound)
    talk = np.frombuffer(sound.getvalue(), "<i2")[: 4 * spec.window_samples]
    talk = talk.reshape(4, spec.window_samples)
    (coarse,), (fine,) = (one.load(CPU, 1).hear([talk]) for one in (spec, everywhere))
    spoken = np.stack([heard.speech > 1 for heard in coarse])
    assert 0.2 < spoken.mean() < 0.98
    assert np.mean(spoken == np.stack([heard.speech > 1 for heard in fine])) > 0.98


# proves: V5
def test_results_do_not_depend_on_the_number_of_threads() -> None:
    """Which differs from machine to machine, and with what memory is free."""
    spec, encoder = segmentation_spec("default"), encoder_spec("default")
    runs = [
        (voice(pitch, 20) * 32767).astype(np.int16).reshape(4, spec.window_samples)
        for pitch in (100, 130, 210)
    ]
    one, more = (spec.load(CPU, threads).hear(runs) for threads in (1, 2))
    for first, second in zip(chain(*one), chain(*more), strict=True):
        assert np.array_equal(first.speech, second.speech)
    voices = [encoder.partials(encoder.hear(voice(pitch, 4)), 2) for pitch in (90, 120, 240)]
    one, more = (encoder.load(CPU, threads).embed([voices, voices[:2]]) for threads in (1, 2))
    assert np.array_equal(np.stack(list(chain(*one))), np.stack(list(chain(*more))))


class Sets:
    """Stands in for a powerset network: two frames, nobody, then the first and third speaker."""

    path = Path("sets.onnx")

    def run(self, groups: list[np.ndarray]) -> list[np.ndarray]:
        scores = np.full((len(groups[0]), 2, 7), -9.0, np.float32)
        scores[:, 0, 0] = scores[:, 1, 5] = 0.0  # none, 1, 2, 3, 1+2, 1+3, 2+3
        return [scores]


def test_a_powerset_network_says_the_same_things() -> None:
    ((heard,),) = Segmentation(cast(OnnxNetwork, Sets())).hear([np.zeros((1, 100), np.int16)])
    assert (heard.speech > 1).tolist() == (heard.overlap > 1).tolist() == [False, True]
    assert heard.speaker[1] in (0, 2)


# proves: V5
def test_an_embedding_is_of_unit_length_and_of_its_speaker_alone() -> None:
    spec = encoder_spec("default")
    model = spec.load(CPU, 1)
    spec.warm_up(model)
    low = spec.partials(spec.hear(voice(100, 4)), 3)
    high = spec.partials(spec.hear(voice(240, 1)), 3)
    assert low.shape[0] == 2 and high.shape[0] == 1
    (one, again), (other,) = model.embed([[low, low], [high]])
    assert one.shape == (256,) and abs(np.linalg.norm(one) - 1) < 1e-5
    assert np.allclose(one, again, atol=1e-5)
    assert np.array_equal(model.embed([[high]])[0][0], other)
    assert float(one @ other) < 0.9
    fine = replace(spec, on_cpu=None).load(CPU, 1)
    assert float(fine.embed([[low]])[0][0] @ one) > 0.99


def test_features_have_a_frame_every_10_ms() -> None:
    sound = voice(150, 1)
    assert mel_powers(sound).shape == (101, 40)
    banks = kaldi_filter_banks(sound)
    assert banks.shape == (98, 80)
    assert np.allclose(banks.mean(axis=0), 0, atol=1e-4)


def test_a_file_that_is_no_network_is_one_clear_error(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    with pytest.raises(ModelUnavailableError, match=r"wrong\.onnx"):
        segmentation_spec(str(wrong)).load(CPU, 1)
    with pytest.raises(ModelUnavailableError, match="no speaker-encoder network 'nonsense'"):
        encoder_spec("nonsense")
