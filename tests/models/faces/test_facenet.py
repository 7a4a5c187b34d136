"""Weights of facenet-pytorch become a network that tells faces apart, without PyTorch.

# proves: F1 G11 G19
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import correlate

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.facenet import face_pictures
from reelmill.models.faces.files import VGGFACE2, face_spec
from reelmill.models.runtimes.checkpoint import read_weight_file
from tests.models.torch_files import noise, save_old, save_zip, small_facenet


@pytest.fixture(scope="module")
def state() -> dict[str, np.ndarray]:
    return small_facenet()


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "models"


class Plain:
    """The same network in plain NumPy, layer by layer, nothing folded."""

    def __init__(self, state: dict[str, np.ndarray]) -> None:
        self.state = state

    def embed(self, picture: np.ndarray) -> np.ndarray:
        x = (picture.transpose(2, 0, 1).astype(np.float64) - 127.5) / 128
        x = self.layer(x, "conv2d_1a", 2, (0, 0))
        x = self.layer(x, "conv2d_2a", 1, (0, 0))
        x = pool(self.layer(x, "conv2d_2b", 1, (1, 1)))
        x = self.layer(x, "conv2d_3b", 1, (0, 0))
        x = self.layer(x, "conv2d_4a", 1, (0, 0))
        x = self.layer(x, "conv2d_4b", 2, (0, 0))
        for n in range(2):
            x = self.residual(x, f"repeat_1.{n}", 0.17, [1, 2, 3])
        x = np.concatenate(
            [
                self.layer(x, "mixed_6a.branch0", 2, (0, 0)),
                self.chain(x, "mixed_6a.branch1", 3, halves=True),
                pool(x),
            ]
        )
        for n in range(2):
            x = self.residual(x, f"repeat_2.{n}", 0.10, [1, 3])
        ends = [
            self.chain(x, f"mixed_7a.branch{n}", k, halves=True) for n, k in enumerate((2, 2, 3))
        ]
        x = np.concatenate([*ends, pool(x)])
        for n in range(2):
            x = self.residual(x, f"repeat_3.{n}", 0.20, [1, 3])
        x = self.residual(x, "block8", 1.0, [1, 3], active=False)
        x = self.state["last_linear.weight"] @ x.mean(axis=(1, 2))
        x = self.normalized(x, "last_bn")
        return x / np.linalg.norm(x)

    def normalized(self, x: np.ndarray, name: str) -> np.ndarray:
        gain, bias, mean, variance = (
            self.state[f"{name}.{part}"].reshape(-1, *[1] * (x.ndim - 1))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gain + bias

    def layer(self, x: np.ndarray, name: str, stride: int, padding: tuple[int, int]) -> np.ndarray:
        x = convolved(x, self.state[f"{name}.conv.weight"], stride, padding)
        return np.maximum(self.normalized(x, f"{name}.bn"), 0)

    def chain(self, x: np.ndarray, name: str, length: int, *, halves: bool = False) -> np.ndarray:
        for number in range(length):
            one = name if length == 1 else f"{name}.{number}"
            last = halves and number == length - 1
            kernel = self.state[f"{one}.conv.weight"].shape[2:]
            padding = (0, 0) if last else (kernel[0] // 2, kernel[1] // 2)
            x = self.layer(x, one, 2 if last else 1, padding)
        return x

    def residual(
        self, x: np.ndarray, name: str, scale: float, lengths: list[int], *, active: bool = True
    ) -> np.ndarray:
        ends = [self.chain(x, f"{name}.branch{n}", length) for n, length in enumerate(lengths)]
        out = convolved(np.concatenate(ends), self.state[f"{name}.conv2d.weight"], 1, (0, 0))
        out = (out + self.state[f"{name}.conv2d.bias"][:, None, None]) * scale + x
        return np.maximum(out, 0) if active else out


def convolved(
    x: np.ndarray, weight: np.ndarray, stride: int, padding: tuple[int, int]
) -> np.ndarray:
    x = np.pad(x, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    full = np.concatenate([correlate(x, one, mode="valid") for one in weight.astype(np.float64)])
    return full[:, ::stride, ::stride]


def pool(x: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
    return windows[:, ::2, ::2].max(axis=(3, 4))


@pytest.mark.parametrize("save", [save_zip, save_old])
def test_the_converted_network_equals_the_original(tmp_path, state, save) -> None:
    spec = face_spec(str(save(tmp_path / "weights.pt", state)))
    model = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    pictures = noise(3)
    vectors = model.embed(pictures)
    assert vectors.shape == (3, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    plain = Plain(state)
    for picture, vector in zip(pictures, vectors, strict=True):
        assert np.abs(plain.embed(picture) - vector).max() < 1e-4
    assert (vectors @ vectors.T)[0, 1] < 0.99, "different pictures must not look the same to it"


def test_a_network_is_converted_once_and_recognized_by_content(tmp_path, state, announced) -> None:
    one = face_spec(str(save_zip(tmp_path / "a.pt", state)))
    again = face_spec(str(tmp_path / "a.pt"))
    moved = face_spec(str((tmp_path / "a.pt").rename(tmp_path / "b.pt")))
    other = face_spec(str(save_zip(tmp_path / "c.pt", small_facenet(seed=9))))
    assert announced == ["converting face network a.pt", "converting face network c.pt"]
    assert one == again and one.identity == moved.identity != other.identity


def test_weights_downloaded_by_facenet_pytorch_are_found(tmp_path, state) -> None:
    left = tmp_path / "torch/checkpoints"
    left.mkdir(parents=True)
    save_old(left / "20180402-114759-vggface2.pt", state)
    spec = face_spec(VGGFACE2)
    assert spec.name == VGGFACE2
    (left / "20180402-114759-vggface2.pt").unlink()
    assert face_spec(VGGFACE2) == spec, "what was converted is enough"


def test_weights_can_be_given_by_address(tmp_path, state, models, monkeypatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    served = save_zip(tmp_path / "served.pt", state)
    monkeypatch.setattr("urllib.request.urlopen", lambda address, timeout: _Answer(served))
    spec = face_spec("https://example.org/weights.pt?download=1")
    assert spec.load(Device("cpu"), 1).embed(noise(1)).shape == (1, 32)
    assert [file.suffix for file in models.rglob("*") if file.is_file()] == [".onnx"]


class _Answer:
    def __init__(self, path: Path) -> None:
        self.file = path.open("rb")
        self.headers = {"Content-Length": str(path.stat().st_size)}
        self.read = self.file.read

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.file.close()


def test_a_missing_network_is_reported_in_one_line_with_what_to_do(monkeypatch, announced) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")

    def refuse(address, timeout):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    with pytest.raises(ModelUnavailableError) as caught:
        face_spec(VGGFACE2, waits=(0.0,))
    text = str(caught.value)
    assert "\n" not in text
    assert "refused" in text and "models pull faces:vggface2" in text
    assert "--identity dlib" in text
    assert any("again in 0 s" in line for line in announced)


@pytest.mark.parametrize("name", [VGGFACE2, "owner/name", "https://example.org/a.pt"])
def test_offline_nothing_is_downloaded(name) -> None:
    with pytest.raises(ModelUnavailableError, match=r"HF_HUB_OFFLINE is set.*Choose one of these"):
        face_spec(name)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"conv1.weight": np.ones(3)}, "not the weights of facenet-pytorch"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_not_the_network_is_refused(tmp_path, content, expected) -> None:
    path = tmp_path / "else.pt"
    if content is None:
        path.write_bytes(b"<html>not found</html>")
    else:
        save_zip(path, content)
    with pytest.raises(ModelUnavailableError, match=rf"else\.pt.*{expected}"):
        face_spec(str(path))


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelUnavailableError, match=r"no face network 'vgg'.*vggface2"):
        face_spec("vgg")


def test_a_truncated_old_file_is_named(tmp_path, state) -> None:
    path = save_old(tmp_path / "half.pt", state)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelUnavailableError, match=r"half\.pt cannot be read"):
        read_weight_file(path)


def test_a_face_is_cut_out_with_a_margin() -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[50:100, 100:140] = 255
    (picture,) = face_pictures(frame, np.array([[100, 50, 140, 100]], np.float32))
    assert picture.shape == (160, 160, 3)
    white = picture[:, :, 0] > 127
    assert white[80].sum() == pytest.approx(146, abs=2), "146 of 160 pixels across are the face"
    assert white[:, 80].sum() == pytest.approx(146, abs=2), "and as many down: it fills a square"
