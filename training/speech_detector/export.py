"""Write Silero VAD v6 as products of large matrices, and compare it with its original.

    python training/speech_detector/export.py src/reelmill/assets/models

Needs reelmill, `faster-whisper==1.2.1` and `onnx` (see README.md): the wheel of faster-whisper
holds the network, silero_vad_v6.onnx (MIT, https://github.com/snakers4/silero-vad).

Fails when that file is another one, or when the export differs from it by more than rounding.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from exact import exact_probabilities
from network import FRAME, STATE, fourier_basis, matrix_network
from onnx import numpy_helper

from reelmill.media.audio.decode import decode
from reelmill.media.audio.samples import FULL_SCALE

ORIGINAL_SHA256 = "4cbf549b8326f60f80f2536d9eefeb450a9abe83365a098031c89719f1be17d2"
CALLS = Path(str(resources.files("reelmill") / "assets" / "samples"))
RATE, HOP = 16_000, 512
BLOCK_FRAMES = 256
TOLERANCE = 1e-4
#: Of the LSTM's outputs, within -1 to 1, and of its cell, which grows to thousands, relative to the
#: largest value.
STATE_TOLERANCE = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="gets a folder speech-detector")
    target = parser.parse_args().folder / "speech-detector" / "model.onnx"
    original = original_file()
    weights = read_weights(original)
    basis = weights["encoder.feature_extractor.forward_basis_buffer"][:, 0]
    difference = _greatest(basis - fourier_basis())
    print(f"Fourier basis {basis.shape}: greatest difference {difference:.1e}")
    assert difference < 1e-6, "the original's transform is no Fourier transform of Hann windows"
    target.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(matrix_network(weights), str(target))
    _compare(original, target, weights)
    for path in (original, target):
        print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {_sha256(path)}")


def original_file() -> Path:
    spec = find_spec("faster_whisper")
    assert spec and spec.submodule_search_locations, "pip install faster-whisper==1.2.1"
    path = Path(next(iter(spec.submodule_search_locations))) / "assets" / "silero_vad_v6.onnx"
    found = _sha256(path)
    assert found == ORIGINAL_SHA256, (
        f"{path} of faster-whisper {version('faster-whisper')} has the sha256 {found}, that of "
        f"1.2.1 has {ORIGINAL_SHA256}: pip install faster-whisper==1.2.1"
    )
    return path


def read_weights(path: Path) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compare(original: Path, target: Path, weights: Mapping[str, np.ndarray]) -> None:
    sessions = [_opened(path) for path in (original, target)]
    tried: set[bool] = set()
    for name, frames in _sounds():
        wanted, found = (_heard(session, frames) for session in sessions)
        exact = exact_probabilities(weights, frames)
        difference = _greatest(found[0] - wanted[0])
        print(
            f"{name}, {len(frames)} frames, {(wanted[0] >= 0.5).mean():.0%} speech: greatest "
            f"difference of probabilities {difference:.1e} (rounding alone, from exact ones: "
            f"{_greatest(found[0] - exact):.1e}, the original's {_greatest(wanted[0] - exact):.1e})"
        )
        assert difference <= TOLERANCE, f"{target} is not its original"
        for ours, theirs in zip(found[1:], wanted[1:], strict=True):
            relative = _greatest(ours - theirs) / max(1.0, _greatest(theirs))
            assert relative <= STATE_TOLERANCE, f"{target} keeps another state than its original"
        tried |= set((wanted[0] >= 0.5).tolist())
    assert tried == {True, False}, "these sounds are no trial of a speech detector"


def _greatest(values: np.ndarray) -> float:
    return float(np.abs(values).max())


def _opened(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _heard(session: Any, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of all frames, and the LSTM's state after every block."""
    h = c = np.zeros((1, 1, STATE), np.float32)
    found, outputs, cells = [], [], []
    for first in range(0, len(frames), BLOCK_FRAMES):
        block = frames[first : first + BLOCK_FRAMES]
        probabilities, h, c = session.run(None, {"input": block, "h": h, "c": c})
        found.append(probabilities)
        outputs.append(h)
        cells.append(c)
    return np.concatenate(found), np.concatenate(outputs), np.concatenate(cells)


def _sounds() -> Iterator[tuple[str, np.ndarray]]:
    """Frames of the calls in reelmill's assets, one after the other, and of other sounds."""
    rng = np.random.default_rng(4)
    calls = np.concatenate([_decoded(path) for path in sorted(CALLS.iterdir()) if _is_whole(path)])
    yield "calls", _framed(np.tile(calls, 3))
    yield "faint calls", _framed(0.003 * calls)
    yield "clipped calls", _framed(np.clip(30 * calls, -1, 1))
    yield "white noise", _framed(rng.uniform(-1, 1, 300 * RATE))
    yield "silence", _framed(np.zeros(60 * RATE))
    yield "random frames", rng.normal(0, 0.3, (5000, FRAME)).astype(np.float32)


def _is_whole(path: Path) -> bool:
    return path.is_file() and path.stem != "broken"


def _decoded(path: Path) -> np.ndarray:
    sound = io.BytesIO()
    decode(path, sound)
    return np.frombuffer(sound.getvalue(), "<i2") / FULL_SCALE


def _framed(sound: np.ndarray) -> np.ndarray:
    padded = np.concatenate([np.zeros(FRAME - HOP), sound]).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.ascontiguousarray(frames)


if __name__ == "__main__":
    main()
