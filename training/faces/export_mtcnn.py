"""Make assets/models/mtcnn from the weights in facenet-pytorch's wheel.

    pip download --no-deps facenet-pytorch==2.5.3
    python training/faces/export_mtcnn.py facenet_pytorch-2.5.3-py3-none-any.whl

MTCNN: Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 23(10), 2016. The graphs are built node by node, so that
uint8 pictures go in as they are, (n, height, width, 3), and the normalization (x - 127.5) / 128 is
in the graph; the P-Net also scales its pictures to `size` (n, rows, columns, 3) first and gives
them back as `shrunk`, for the next level of the pyramid. They are rearranged so that ONNX Runtime
needs half the time on a CPU, without changing what they compute, and then checked against the
original networks on random pictures, and the script fails when they differ by more than 1e-4.
Needs torch (to read and to compare) and onnx.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

TARGET = Path(__file__).resolve().parents[2] / "src/reelmill/assets/models/mtcnn"
TOLERANCE = 1e-4
#: Channels that ONNX Runtime computes together, where the CPU has AVX-512; else half as many.
BLOCK = 16
WHEEL_FILES = ("facenet_pytorch/models/mtcnn.py", "facenet_pytorch/data/")


class Graph:
    """A chain of nodes: each call adds one and moves the end of the chain."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = {name: tensor.numpy().astype(np.float32) for name, tensor in weights.items()}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.end = "pictures"
        self.scales = False

    def add(self, kind: str, *more: str, output: str | None = None, **attributes: Any) -> str:
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.end, *more], [output], **attributes))
        self.end = output
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name

    def scale(self) -> None:
        """Bilinear, to the size that is the second input."""
        self.scales = True
        shape = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        self.add("Resize", "", "", "size", output="shrunk", **shape)

    def normalize(self, following: str) -> None:
        """(x - 127.5) / 128, in the weights of the convolution that follows."""
        weight, bias = (self.weights[f"{following}.{part}"] for part in ("weight", "bias"))
        self.weights[f"{following}.bias"] = bias - weight.sum(axis=(1, 2, 3)) * (127.5 / 128)
        self.weights[f"{following}.weight"] = weight / 128
        self.add("Transpose", perm=[0, 3, 1, 2])
        self.add("Cast", to=TensorProto.FLOAT)

    def convolve(self, name: str, output: str | None = None) -> str:
        weight = self.weights[f"{name}.weight"]
        parts = (
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"]),
        )
        return self.add("Conv", *parts, output=output, kernel_shape=list(weight.shape[2:]))

    def prelu(self, name: str, axes: int) -> None:
        """PReLU: x where positive, else slope * x. ONNX Runtime's own takes eight times as long."""
        slope = self.weights[f"{name}.weight"].reshape(-1, *(1,) * axes)
        start = self.end
        if slope.max() <= 1:
            scaled = self.add("Mul", self.constant(f"{name}.weight", slope))
            self.end = start
            self.add("Max", scaled)
            return
        scaled = self.add("Mul", self.constant(f"{name}.straight", (1 + slope) / 2))
        self.end = start
        self.add("Abs")
        self.add("Mul", self.constant(f"{name}.bent", (1 - slope) / 2))
        self.add("Add", scaled)

    def fill(self, convolution: str, following: str) -> None:
        """Channels of nothing, to a whole number of ONNX Runtime's blocks, or it rearranges the
        numbers between the two convolutions. `following`: the one that reads them."""
        for part in ("weight", "bias"):
            kept = self.weights[f"{convolution}.{part}"]
            rest = [(0, -len(kept) % BLOCK), *((0, 0),) * (kept.ndim - 1)]
            self.weights[f"{convolution}.{part}"] = np.pad(kept, rest)
        read = self.weights[f"{following}.weight"]
        rest = [(0, 0), (0, -read.shape[1] % BLOCK), (0, 0), (0, 0)]
        self.weights[f"{following}.weight"] = np.pad(read, rest)

    def convolve_prelu(self, convolution: str, prelu: str) -> None:
        """A convolution and its PReLU as slope * x + (1 - slope) * max(x, 0), of which ONNX Runtime
        rearranges nothing in between, unlike a maximum of two. The factor of the second term is in
        the convolution's weights where all slopes are below 1."""
        bias = self.weights[f"{convolution}.bias"]
        slope = np.zeros((len(bias), 1, 1), np.float32)
        known = self.weights[f"{prelu}.weight"]
        slope[: len(known), 0, 0] = known
        factor = 1 - slope
        folded = known.max() < 1
        if folded:
            weight = self.weights[f"{convolution}.weight"]
            self.weights[f"{convolution}.weight"] = weight * factor[..., None]
            self.weights[f"{convolution}.bias"] = bias * factor[:, 0, 0]
            slope = slope / factor
        start = self.convolve(convolution)
        bent = self.add("Relu")
        if not folded:
            bent = self.add("Mul", self.constant(f"{prelu}.bent", factor))
        self.end = start
        self.add("Mul", self.constant(f"{prelu}.straight", slope))
        self.add("Add", bent)

    def pool(self, size: int) -> None:
        self.add("MaxPool", kernel_shape=[size, size], strides=[2, 2], ceil_mode=1)

    def prelu_of_pooled(self, convolution: str, prelu: str, size: int, following: str) -> None:
        """`convolution`, `prelu` and a pool, the pool before the PReLU, which then has a quarter
        to do: with a slope >= 0 that is the same. With one below 0 it is the larger of what the
        largest and what the smallest of the pooled become, so such channels, moved to the end,
        are also had turned around. `following`: the convolution that reads them."""
        slopes = self.weights[f"{prelu}.weight"]
        order = np.concatenate([np.flatnonzero(slopes >= 0), np.flatnonzero(slopes < 0)])
        falling, count = int((slopes < 0).sum()), len(slopes)
        for part in ("weight", "bias"):
            kept = self.weights[f"{convolution}.{part}"][order]
            slope = slopes[order][-falling:].reshape(-1, *(1,) * (kept.ndim - 1))
            self.weights[f"{convolution}.{part}"] = np.concatenate([kept, slope * kept[-falling:]])
        self.weights[f"{following}.weight"] = self.weights[f"{following}.weight"][:, order]
        self.convolve(convolution)
        self.pool(size)
        pooled = self.end
        self.constant("one", np.array([1], np.int64))
        for name, place in (("rising", count - falling), ("largest", count), ("whole", 999)):
            self.constant(name, np.array([place], np.int64))
        self.constant("first", np.array([0], np.int64))
        turned = self.add("Slice", "largest", "whole", "one")
        self.end = pooled
        self.add("Slice", "rising", "largest", "one")
        self.add("Relu")
        falls = self.add("Max", turned)
        self.end = pooled
        self.add("Slice", "first", "rising", "one")
        self.weights[f"{prelu}.weight"] = slopes[order][: count - falling]
        self.prelu(prelu, 2)
        self.add("Concat", falls, axis=1)

    def dense(self, name: str, output: str | None = None) -> str:
        parts = (
            self.constant(f"{name}.weight", self.weights[f"{name}.weight"]),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"]),
        )
        return self.add("Gemm", *parts, output=output, transB=1)

    def model(self, outputs: tuple[str, ...]) -> onnx.ModelProto:
        describe = helper.make_tensor_value_info
        inputs = [describe("pictures", TensorProto.UINT8, ["n", "height", "width", 3])]
        shape: list[Any] = ["n", None]
        results = []
        if self.scales:
            inputs.append(describe("size", TensorProto.INT64, [4]))
            results.append(describe("shrunk", TensorProto.UINT8, ["n", "rows", "columns", 3]))
            shape = ["n", None, "map_rows", "map_columns"]
        results += [describe(o, TensorProto.FLOAT, shape) for o in outputs]
        constants = [numpy_helper.from_array(v, k) for k, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, "mtcnn", inputs, results, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model


def pnet(weights: dict[str, Any]) -> onnx.ModelProto:
    graph = Graph(weights)
    graph.scale()
    graph.normalize("conv1")
    graph.prelu_of_pooled("conv1", "prelu1", 2, "conv2")
    for number in (2, 3):
        graph.convolve_prelu(f"conv{number}", f"prelu{number}")
    # Of two classes the softmax is the logistic function of the difference, which a threshold
    # does not need; so the map is that difference and the four shifts.
    for part in ("weight", "bias"):
        no_face, face = graph.weights[f"conv4_1.{part}"]
        shifts = graph.weights[f"conv4_2.{part}"]
        graph.weights[f"map.{part}"] = np.concatenate([(face - no_face)[None], shifts])
    graph.convolve("map", "map")
    return graph.model(("map",))


def rnet(weights: dict[str, Any]) -> onnx.ModelProto:
    graph = Graph(weights)
    graph.normalize("conv1")
    graph.fill("conv1", "conv2")
    for number, pool in ((1, 3), (2, 3), (3, 0)):
        graph.convolve_prelu(f"conv{number}", f"prelu{number}")
        if pool:
            graph.pool(pool)
    _dense_head(graph, "4", ("5_1", "5_2"))
    return graph.model(("shifts", "faces"))


def onet(weights: dict[str, Any]) -> onnx.ModelProto:
    graph = Graph(weights)
    graph.normalize("conv1")
    for number, pool in ((1, 3), (2, 3), (3, 2), (4, 0)):
        graph.convolve_prelu(f"conv{number}", f"prelu{number}")
        if pool:
            graph.pool(pool)
    _dense_head(graph, "5", ("6_1", "6_2", "6_3"))
    return graph.model(("shifts", "points", "faces"))


def _dense_head(graph: Graph, trunk: str, heads: tuple[str, ...]) -> None:
    graph.add("Transpose", perm=[0, 3, 2, 1])
    graph.add("Flatten", axis=1)
    graph.dense(f"dense{trunk}")
    graph.prelu(f"prelu{trunk}", 0)
    end = graph.end
    graph.dense(f"dense{heads[0]}")
    graph.add("Softmax", output="faces", axis=1)
    for head, output in zip(heads[1:], ("shifts", "points"), strict=False):
        graph.end = end
        graph.dense(f"dense{head}", output)


def original(wheel: Path, folder: Path) -> Any:
    """facenet-pytorch's own module, without its package (whose import wants torchvision)."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(
            folder, [name for name in archive.namelist() if name.startswith(WHEEL_FILES)]
        )
    source = folder / "facenet_pytorch/models/mtcnn.py"
    text = source.read_text()
    imported = "from .utils.detect_face import detect_face, extract_face"
    if imported not in text:
        sys.exit(f"{wheel}: not facenet-pytorch 2.5.3")
    source.write_text(text.replace(imported, ""))
    spec = importlib.util.spec_from_file_location("original_mtcnn", source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def difference(path: Path, network: Any, shape: tuple[int, ...]) -> float:
    """The largest difference of any output on random pictures."""
    pictures = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {"pictures": pictures}
    if len(session.get_inputs()) > 1:
        inputs["size"] = np.array(shape, np.int64)
    ours = [output for output in session.run(None, inputs) if output.dtype == np.float32]
    with torch.no_grad():
        tensor = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
        theirs = [output.numpy() for output in network((tensor - 127.5) * 0.0078125)]
    if len(ours) == 1:  # the P-Net's map
        ours = [ours[0][:, 1:], 1 / (1 + np.exp(-ours[0][:, 0]))]
        theirs[1] = theirs[1][:, 1]
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        module = original(options.wheel, Path(folder))
        for name, build, kind, shape in (
            ("pnet", pnet, module.PNet, (3, 97, 173, 3)),
            ("rnet", rnet, module.RNet, (70, 24, 24, 3)),
            ("onet", onet, module.ONet, (70, 48, 48, 3)),
        ):
            network = kind().eval()
            path = options.out / f"{name}.onnx"
            onnx.save(build(network.state_dict()), path)
            worst = difference(path, network, shape)
            print(f"{name}: {path.stat().st_size:,} bytes, differs by {worst:.1e}")
            if worst > TOLERANCE:
                sys.exit(f"{name} is not the original network")


if __name__ == "__main__":
    main()
