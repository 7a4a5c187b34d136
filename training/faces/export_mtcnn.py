"""Make assets/models/mtcnn from the weights in facenet-pytorch's wheel.

    pip download --no-deps facenet-pytorch==2.5.3
    python training/faces/export_mtcnn.py facenet_pytorch-2.5.3-py3-none-any.whl

MTCNN: Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks", IEEE Signal Processing Letters 23(10), 2016. The graphs are built node by node, so that
uint8 pictures go in as they are, (n, height, width, 3), and the normalization (x - 127.5) / 128 is
in the graph; the P-Net also scales its pictures to `size` (n, rows, columns, 3) first and gives
them back as `shrunk`, for the next level of the pyramid. They are then checked against the
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

    def normalize(self) -> None:
        self.add("Cast", to=TensorProto.FLOAT)
        self.add("Sub", self.constant("middle", np.array(127.5, np.float32)))
        self.add("Mul", self.constant("scale", np.array(1 / 128, np.float32)))
        self.add("Transpose", perm=[0, 3, 1, 2])

    def convolve(self, name: str, output: str | None = None) -> str:
        weight = self.weights[f"{name}.weight"]
        parts = (
            self.constant(f"{name}.weight", weight),
            self.constant(f"{name}.bias", self.weights[f"{name}.bias"]),
        )
        return self.add("Conv", *parts, output=output, kernel_shape=list(weight.shape[2:]))

    def prelu(self, name: str, axes: int) -> None:
        slope = self.weights[f"{name}.weight"].reshape(-1, *(1,) * axes)
        self.add("PRelu", self.constant(f"{name}.weight", slope))

    def pool(self, size: int) -> None:
        self.add("MaxPool", kernel_shape=[size, size], strides=[2, 2], ceil_mode=1)

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
    graph.normalize()
    graph.convolve("conv1")
    graph.prelu("prelu1", 2)
    graph.pool(2)
    for number in (2, 3):
        graph.convolve(f"conv{number}")
        graph.prelu(f"prelu{number}", 2)
    trunk = graph.end
    graph.convolve("conv4_1")
    graph.add("Softmax", output="faces", axis=1)
    graph.end = trunk
    graph.convolve("conv4_2", "shifts")
    return graph.model(("shifts", "faces"))


def rnet(weights: dict[str, Any]) -> onnx.ModelProto:
    graph = Graph(weights)
    graph.normalize()
    for number, pool in ((1, 3), (2, 3), (3, 0)):
        graph.convolve(f"conv{number}")
        graph.prelu(f"prelu{number}", 2)
        if pool:
            graph.pool(pool)
    _dense_head(graph, "4", ("5_1", "5_2"))
    return graph.model(("shifts", "faces"))


def onet(weights: dict[str, Any]) -> onnx.ModelProto:
    graph = Graph(weights)
    graph.normalize()
    for number, pool in ((1, 3), (2, 3), (3, 2), (4, 0)):
        graph.convolve(f"conv{number}")
        graph.prelu(f"prelu{number}", 2)
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
        theirs = network((tensor - 127.5) * 0.0078125)
    return max(float(np.abs(a - b.numpy()).max()) for a, b in zip(ours, theirs, strict=True))


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
