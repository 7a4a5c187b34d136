"""Export the two speaker networks to ONNX and compare them with their originals.

    python training/speakers/export.py src/reelmill/assets/models

Needs an environment with `whisperx==3.8.6 resemblyzer==0.1.4 webrtcvad onnx onnxruntime` (see
README.md), whose wheels hold the weights: pyannote's speaker segmentation (MIT, Bredin and
Laurent 2021, arXiv:2104.04045) and Resemble AI's speaker encoder (Apache-2.0, the GE2E network
of Wan et al. 2018, arXiv:1710.10467).

Fails when an export differs from its original by more than rounding.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from originals import package_folder, trusting

OPSET = 17
RATE = 16_000
WINDOW_SECONDS = 5
PARTIAL_FRAMES = 160
#: Of probabilities and of unit-length embeddings.
TOLERANCE = 1e-4


class Segmentation(torch.nn.Module):
    """Samples (batch, 1, samples) to the probability of each local speaker in each frame."""

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        self.original = original

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.original(samples)
        return result


class Encoder(torch.nn.Module):
    """Mel powers (batch, frames, 40) to embeddings of length 1, shape (batch, 256)."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.lstm, self.linear = original.lstm, original.linear

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(mels)
        raw = torch.relu(self.linear(hidden[-1]))
        norm = torch.sqrt(torch.sum(raw * raw, dim=1, keepdim=True))
        return raw / torch.clamp(norm, min=1e-8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="gets a folder for each network")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    segmentation(options.folder / "speaker-segmentation" / "model.onnx")
    encoder(options.folder / "speaker-encoder" / "model.onnx")


def segmentation(target: Path) -> None:
    from pyannote.audio import Model

    weights = package_folder("whisperx") / "assets" / "pytorch_model.bin"
    original = trusting(lambda: Model.from_pretrained(weights)).eval()
    samples = torch.tensor(_sound(3 * WINDOW_SECONDS), dtype=torch.float32).reshape(3, 1, -1)
    axes = {"samples": {0: "batch", 2: "samples"}, "speakers": {0: "batch", 1: "frames"}}
    target.parent.mkdir(parents=True, exist_ok=True)
    _export(Segmentation(original), samples, target, "samples", "speakers", axes)
    with torch.inference_mode():
        wanted = original(samples).numpy()
    _compare(target, {"samples": samples.numpy()}, wanted)
    _said(target, weights)


def encoder(target: Path) -> None:
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import wav_to_mel_spectrogram

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
    from reelmill.models.voiceprint import mel_powers

    original = VoiceEncoder("cpu", verbose=False).eval()
    sound = _sound(4.8).astype(np.float32)
    theirs, ours = wav_to_mel_spectrogram(sound), mel_powers(sound)
    difference = float(np.abs(theirs[: len(ours)] - ours).max() / np.abs(theirs).max())
    print(f"mel powers {ours.shape}: greatest difference {difference:.1e} of the largest value")
    assert difference < TOLERANCE, "our mel powers are not librosa's"
    mels = torch.tensor(theirs[: 3 * PARTIAL_FRAMES].reshape(3, PARTIAL_FRAMES, 40))
    axes = {"mels": {0: "batch", 1: "frames"}, "embeddings": {0: "batch"}}
    target.parent.mkdir(parents=True, exist_ok=True)
    _export(Encoder(original), mels, target, "mels", "embeddings", axes)
    with torch.inference_mode():
        wanted = original(mels).numpy()
    _compare(target, {"mels": mels.numpy()}, wanted)
    _said(target, package_folder("resemblyzer") / "pretrained.pt")


def _sound(seconds: float) -> np.ndarray:
    """Something like voices: harmonics of a wandering pitch, with pauses and noise."""
    rng = np.random.default_rng(4)
    time = np.arange(int(seconds * RATE)) / RATE
    phase = np.cumsum(2 * np.pi * (120 + 40 * np.sin(3 * time)) / RATE)
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    return 0.05 * voice * (np.sin(2.2 * time) > -0.5) + 0.002 * rng.normal(size=len(time))


def _export(
    model: torch.nn.Module,
    example: torch.Tensor,
    target: Path,
    name: str,
    result: str,
    axes: dict[str, dict[int, str]],
) -> None:
    torch.onnx.export(
        model.eval(),
        (example,),
        str(target),
        input_names=[name],
        output_names=[result],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def _compare(target: Path, inputs: dict[str, np.ndarray], wanted: np.ndarray) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, inputs)
    difference = float(np.abs(found - wanted).max())
    name = target.parent.name
    print(f"{name} {found.shape}: greatest difference from the original {difference:.1e}")
    assert difference < TOLERANCE, f"{target} is not its original"


def _said(target: Path, weights: Path) -> None:
    for path in (weights, target):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
