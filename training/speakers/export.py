"""Export the two speaker networks to ONNX and compare them with their originals.

    python training/speakers/export.py src/reelmill/assets/models

Needs an environment with `whisperx==3.8.6 resemblyzer==0.1.4 webrtcvad onnx onnxruntime` (see
README.md), whose wheels hold the weights: pyannote's speaker segmentation (MIT, Bredin and
Laurent 2021, arXiv:2104.04045) and Resemble AI's speaker encoder (Apache-2.0, the GE2E network
of Wan et al. 2018, arXiv:1710.10467).

Fails when an export differs from its original by more than rounding.

Beside each goes a file for the CPU, whose LSTMs have weights of 8 bits (ONNX Runtime's dynamic
quantization) and whose convolutions are such that ONNX Runtime takes its faster kernels: as good at
telling speakers apart, in less time. How far it is from the original is said for the record;
whether that matters, `python -m benchmarks.speakers` tells.
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
from torch.nn import functional

OPSET = 17
RATE = 16_000
WINDOW_SECONDS = 5
PARTIAL_FRAMES = 160
#: Of probabilities and of unit-length embeddings.
TOLERANCE = 1e-4
#: On average, of a network with weights of 8 bits.
COARSE_TOLERANCE = 0.01


class Segmentation(torch.nn.Module):
    """Samples (batch, 1, samples) to the probability of each local speaker in each frame."""

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        self.original = original

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.original(samples)
        return result


class FlatSegmentation(torch.nn.Module):
    """The same network, its convolutions in two dimensions, of which one is 1.

    ONNX Runtime has blocked kernels (NCHWc) on the CPU for these, not for those of one dimension.
    The filters of the first one are what the original computes anew for each batch.
    """

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        self.original, self.front = original, original.sincnet
        first, *others = self.front.conv1d
        learned = [first.filterbank.filters(), *(convolution.weight for convolution in others)]
        for index, kernels in enumerate(learned):
            self.register_buffer(f"kernels_{index}", kernels.detach()[:, :, None])

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        found = self.front.wav_norm1d(samples)[:, :, None]
        for index, norm in enumerate(self.front.norm1d):
            bias = getattr(self.front.conv1d[index], "bias", None)
            stride = (1, self.front.stride if index == 0 else 1)
            found = functional.conv2d(found, getattr(self, f"kernels_{index}"), bias, stride)
            found = found.abs() if index == 0 else found
            found = functional.max_pool2d(found, (1, 3), (1, 3))
            found = functional.instance_norm(
                found, weight=norm.weight, bias=norm.bias, eps=norm.eps
            )
            found = functional.leaky_relu(found)
        found, _ = self.original.lstm(found[:, :, 0].transpose(1, 2))
        for linear in self.original.linear:
            found = functional.leaky_relu(linear(found))
        result: torch.Tensor = self.original.activation(self.original.classifier(found))
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
    flat = target.with_name("flat.onnx")
    _export(FlatSegmentation(original), samples, flat, "samples", "speakers", axes)
    _compare(flat, {"samples": samples.numpy()}, wanted)
    coarse = _in_eight_bits(flat, first_layer=True)
    flat.unlink()
    _compare(coarse, {"samples": samples.numpy()}, wanted, COARSE_TOLERANCE)
    _said(target, coarse, weights)


def encoder(target: Path) -> None:
    from resemblyzer import VoiceEncoder
    from resemblyzer.audio import wav_to_mel_spectrogram

    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
    from reelmill.models.speakers.features import mel_powers

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
    # What the first layer hears, mel powers, spans seven orders of magnitude: not with 8 bits.
    coarse = _in_eight_bits(target, first_layer=False)
    _compare(coarse, {"mels": mels.numpy()}, wanted, COARSE_TOLERANCE)
    _said(target, coarse, package_folder("resemblyzer") / "pretrained.pt")


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


def _in_eight_bits(network: Path, first_layer: bool) -> Path:
    """A copy whose LSTMs have weights of 8 bits.

    Of 7, to be exact: on processors without VNNI two products of 8 bits would not fit where ONNX
    Runtime adds them, and results would depend on the processor.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    layers = [node.name for node in onnx.load(network).graph.node if node.op_type == "LSTM"]
    target = network.with_name("model.cpu.onnx")
    quantize_dynamic(
        network,
        target,
        op_types_to_quantize=["LSTM"],
        nodes_to_quantize=layers if first_layer else layers[1:],
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
    )
    return target


def _compare(
    target: Path,
    inputs: dict[str, np.ndarray],
    wanted: np.ndarray,
    on_average: float | None = None,
) -> None:
    """Compare with the original: the greatest difference, or the one `on_average`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, inputs)
    difference = np.abs(found - wanted)
    greatest, mean = float(difference.max()), float(difference.mean())
    name = f"{target.parent.name}/{target.name}"
    print(
        f"{name} {found.shape}: differs from the original by {greatest:.1e}, {mean:.1e} on average"
    )
    within = greatest < TOLERANCE if on_average is None else mean < on_average
    assert within, f"{target} is not its original"


def _said(*files: Path) -> None:
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
