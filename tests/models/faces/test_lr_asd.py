"""LR-ASD's weights become the network they are of, and sound the features it was trained on.

# proves: F8
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.commands.models import run_models_list
from reelmill.core.notices import heard_by
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces import lr_asd_files
from reelmill.models.faces.lr_asd import LrAsd, cepstra
from reelmill.models.faces.lr_asd_convert import SIDE
from reelmill.models.faces.lr_asd_files import LR_ASD, speaking_spec
from tests.models.torch_files import save_zip

#: Row 5 of what python_speech_features 0.6 gives for `sweep`.
PUBLISHED = [
    19.2853,
    18.5255,
    -0.1811,
    -16.9645,
    -28.4173,
    -30.5128,
    -21.186,
    -6.0163,
    9.4993,
    18.6604,
    19.5183,
    12.2989,
    1.954,
]
CHANNELS = (4, 6, 8)


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_MODELS", str(tmp_path / "models"))


def sweep() -> np.ndarray:
    t = np.arange(3200) / 16_000
    return (8000 * np.sin(2 * np.pi * 440 * t * (1 + t))).astype(np.int16).astype(np.float32)


def test_sound_features_equal_those_used_in_training() -> None:
    found = cepstra(sweep(), 20)
    assert found.shape == (20, 13)
    assert found[5] == pytest.approx(PUBLISHED, abs=1e-3)


def test_features_beyond_the_sound_are_those_of_silence() -> None:
    assert np.isfinite(cepstra(np.zeros(10, np.float32), 8)).all()
    assert cepstra(sweep(), 30)[:19] == pytest.approx(cepstra(sweep(), 20)[:19])


def state() -> dict[str, np.ndarray]:
    """Random weights of a small network of the same shape."""
    rng = np.random.default_rng(5)
    made: dict[str, np.ndarray] = {}

    def layer(name: str, norm: str | None, *shape: int) -> None:
        made[f"{name}.weight"] = rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        if norm is not None:
            made[f"{norm}.weight"] = rng.uniform(0.6, 1.4, shape[0])
            made[f"{norm}.bias"] = rng.normal(0, 0.3, shape[0])
            made[f"{norm}.running_mean"] = rng.normal(0, 0.3, shape[0])
            made[f"{norm}.running_var"] = rng.uniform(0.5, 2, shape[0])

    before = 1
    for number, count in enumerate(CHANNELS, start=1):
        for encoder, axes in (("visualEncoder", "st"), ("audioEncoder", "mt")):
            block, half = f"model.{encoder}.block{number}", count // 2
            one = (1,) if encoder == "visualEncoder" else ()
            first = {"s": (1, 5, 5), "m": (5, 1)}[axes[0]]
            second = {"s": (1, 3, 3), "m": (3, 1)}[axes[0]]
            layer(f"{block}.{axes[0]}_1", f"{block}.{axes[0]}_norm_1", half, before, *first)
            layer(f"{block}.{axes[0]}_2", f"{block}.{axes[0]}_norm_2", count, half, *second)
            for step, length in ((1, 5), (2, 3)):
                kernel = (length, 1, *one) if one else (1, length)
                layer(f"{block}.t_{step}", f"{block}.t_norm_{step}", count, count, *kernel)
        before = count
    wide, size = 2 * CHANNELS[-1], 3
    layer("model.fusion.attention", "model.fusion.bn", wide, wide, 1)
    for way in ("forward", "backward"):
        for part, across in (("ih", wide), ("hh", size)):
            made[f"model.detector.gru_{way}.weight_{part}_l0"] = rng.normal(0, 0.4, (9, across))
            made[f"model.detector.gru_{way}.bias_{part}_l0"] = rng.normal(0, 0.4, 9)
    layer("model.detector.attention.attention", "model.detector.attention.bn", 6, 6, 1)
    made["lossAV.FC.weight"], made["lossAV.FC.bias"] = rng.normal(0, 1, (2, 6)), rng.normal(0, 1, 2)
    return {name: value.astype(np.float32) for name, value in made.items()}


class Plain:
    """The same network in plain NumPy, nothing folded, nothing rearranged."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        self.state = {name: value.astype(np.float64) for name, value in state.items()}

    def scores(self, sound: np.ndarray, faces: np.ndarray) -> np.ndarray:
        x = np.concatenate([self.heard(sound), self.seen(faces)], axis=1)
        x = self.attended(x, "model.fusion")
        later = self.recurrent(x[::-1], "model.detector.gru_backward")[::-1]
        x = np.concatenate([self.recurrent(x, "model.detector.gru_forward"), later], axis=1)
        x = self.attended(x, "model.detector.attention")
        return x @ self.state["lossAV.FC.weight"].T + self.state["lossAV.FC.bias"]

    def seen(self, faces: np.ndarray) -> np.ndarray:
        x = ((faces / 255 - 0.4161) / 0.1688)[None]
        for number in (1, 2, 3):
            block = f"model.visualEncoder.block{number}"
            x = self.layer(x, f"{block}.s_1", f"{block}.s_norm_1", 2 if number == 1 else 1)
            for name in ("s_2", "t_1", "t_2"):
                x = self.layer(x, f"{block}.{name}", f"{block}.{name.replace('_', '_norm_')}")
            if number < 3:
                x = pooled(pooled(x, 2), 3)
        return x.max(axis=(2, 3)).T

    def heard(self, sound: np.ndarray) -> np.ndarray:
        x = sound.astype(np.float64).T[None, None]
        for number in (1, 2, 3):
            block = f"model.audioEncoder.block{number}"
            for name in ("m_1", "m_2", "t_1", "t_2"):
                x = self.layer(x, f"{block}.{name}", f"{block}.{name.replace('_', '_norm_')}")
            if number < 3:
                x = pooled(x, 3)
        return x[:, 0].mean(axis=1).T

    def layer(self, x: np.ndarray, name: str, norm: str, stride: int = 1) -> np.ndarray:
        """`x` (channels, t, height, width), or (channels, 1, height, width) of sound."""
        weight = self.state[f"{name}.weight"]
        if weight.ndim == 4:
            weight = weight[:, :, None]
        pads = [(side // 2,) * 2 for side in weight.shape[2:]]
        padded = np.pad(x, [(0, 0), *pads])
        windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], (1, 2, 3))
        windows = windows[:, :, ::stride, ::stride]
        return np.maximum(
            self.normalized(np.einsum("cthwijk,ocijk->othw", windows, weight, optimize=True), norm),
            0,
        )

    def normalized(self, x: np.ndarray, name: str) -> np.ndarray:
        parts = ("weight", "bias", "running_mean", "running_var")
        gain, bias, mean, variance = (
            self.state[f"{name}.{part}"].reshape(-1, *[1] * (x.ndim - 1)) for part in parts
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gain + bias

    def attended(self, x: np.ndarray, name: str) -> np.ndarray:
        weight = self.state[f"{name}.attention.weight"][:, :, 0]
        return x * sigmoid(self.normalized(weight @ x.T, f"{name}.bn").T)

    def recurrent(self, x: np.ndarray, name: str) -> np.ndarray:
        """Cho et al. 2014, with the reset gate after the matrix, as PyTorch has it."""
        inner, outer = (self.state[f"{name}.weight_{part}_l0"] for part in ("ih", "hh"))
        before, after = (self.state[f"{name}.bias_{part}_l0"] for part in ("ih", "hh"))
        state, found = np.zeros(outer.shape[1]), []
        for row in x:
            from_input = np.split(inner @ row + before, 3)
            from_state = np.split(outer @ state + after, 3)
            reset, update = (sigmoid(from_input[i] + from_state[i]) for i in (0, 1))
            new = np.tanh(from_input[2] + reset * from_state[2])
            state = (1 - update) * new + update * state
            found.append(state)
        return np.stack(found)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def pooled(x: np.ndarray, axis: int) -> np.ndarray:
    """The largest of three, every other place."""
    rim = [(0, 0)] * x.ndim
    rim[axis] = (1, 1)
    padded = np.pad(x, rim, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis)
    return np.take(windows.max(axis=-1), range(0, x.shape[axis], 2), axis)


def made(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 8, (4 * count, 13)).astype(np.float32)
    return sound, rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8)


def test_the_converted_network_equals_the_original(tmp_path: Path) -> None:
    weights = state()
    spec = speaking_spec(str(save_zip(tmp_path / "small.model", weights)))
    model = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    windows = [made(1, 5), made(2, 3), made(3, 5)]
    found = model.speaking(windows)
    for (sound, faces), probabilities in zip(windows, found, strict=True):
        scores = Plain(weights).scores(sound, faces)
        expected = sigmoid(scores[:, 1] - scores[:, 0])
        assert probabilities == pytest.approx(expected, abs=1e-4)
        inputs = {"sound": sound[None], "faces": faces[None]}
        (own,) = model._network.run(["scores"], inputs)
        assert own[0] == pytest.approx(scores[:, 1], abs=1e-4)


def test_a_network_is_converted_once_and_recognized_by_content(tmp_path: Path) -> None:
    said: list[str] = []
    file = save_zip(tmp_path / "a.model", state())
    with heard_by(said.append):
        spec = speaking_spec(str(file))
        moved = file.rename(tmp_path / "b.model")
        assert speaking_spec(str(moved)).digest == spec.digest
    assert said == ["converting active speaker detector a.model"]


def test_a_missing_network_is_reported_in_one_line_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(address, timeout):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(ModelUnavailableError) as caught:
        speaking_spec(LR_ASD, waits=(0.0,))
    text = str(caught.value)
    assert "\n" not in text and "refused" in text
    assert "models pull speaking:lr-asd" in text
    assert "leave out --active-speaker and --follow" in text


def test_a_downloaded_file_with_other_content_is_refused(monkeypatch, tmp_path: Path) -> None:
    def give(address, target, **more):
        target.parent.mkdir(parents=True, exist_ok=True)
        save_zip(target, state())

    monkeypatch.setattr(lr_asd_files, "fetch", give)
    with pytest.raises(ModelUnavailableError, match=r"SHA-256 [0-9a-f]{64}, not 6b4ef53694"):
        speaking_spec(LR_ASD)
    assert lr_asd_files.here() is None
    assert [file for file in (tmp_path / "models").rglob("*") if file.is_file()] == []


def test_the_network_is_in_the_list_of_models(tmp_path: Path, capsys) -> None:
    run_models_list()
    assert "speaking:lr-asd" in capsys.readouterr().out
    assert lr_asd_files.here() is None


def test_a_file_that_is_not_the_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ModelUnavailableError, match=r"no active speaker detector 'talknet'.*lr-asd"
    ):
        speaking_spec("talknet")
    other = save_zip(tmp_path / "other.model", {"conv.weight": np.zeros((2, 2), np.float32)})
    with pytest.raises(ModelUnavailableError, match="not the weights of LR-ASD"):
        speaking_spec(str(other))


def test_no_windows_give_no_probabilities(tmp_path: Path) -> None:
    assert LrAsd(None).speaking([]) == []
