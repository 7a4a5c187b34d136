"""Convert dlib's face recognition network to the ONNX file that the package ships.

    pip download --no-deps --no-binary :all: face-recognition-models==0.3.0
    tar xzf face_recognition_models-0.3.0.tar.gz
    pip install onnx onnxruntime dlib-bin pillow scikit-image
    python training/faces/convert_dlib.py face_recognition_models-0.3.0 --chips FOLDER

The network is Davis King's `dlib_face_recognition_resnet_model_v1` (dlib.net, 2017), a residual
network of 29 convolutions after He et al. 2016 (arXiv:1512.03385), trained with a metric loss; the
author placed it in the public domain, and the package it comes in says CC0. These parts of dlib's
file format are read: numbers after a byte count, text after its length, and tensors as four sizes
and little-endian float32.

Affine layers are folded into the convolutions before them and the normalization of the picture into
the first one. Weights are stored with 16 bits and computed with 32. Two outputs: `descriptors` are
dlib's vectors, of which two of one person are less than 0.6 apart; `embeddings` are the same with
the mean face subtracted and of unit length. Without the subtraction the cosine of any two people is
above 0.8; with it strangers are near 0.2 and one person's pictures above 0.6, as with other
networks. The mean is that of the 100 faces of scikit-image's `lfw_subset` (Huang et al. 2007).

Fails when a descriptor is further from dlib's own than the tolerance; `--chips` adds real faces
(aligned, 150 x 150) to noise.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

TARGET = Path(__file__).resolve().parents[2] / "src/reelmill/assets/models/face-identity/model.onnx"
NETWORK = "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat"
SIZE, VECTOR = 150, 128
#: Side of `lfw_subset`'s faces in the network's picture, pixels.
_FACE = 120
#: Largest difference of a value, of which vectors have 128 of about 0.1 each.
TOLERANCE = {"float32": 1e-5, "float16": 1e-3}


class Reader:
    """dlib's serialization, as far as this network uses it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("the file is cut off")
        self.at += count
        return taken

    def number(self) -> int:
        head = self.take(1)[0]
        value = int.from_bytes(self.take(head & 0x0F), "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.number(), self.number()
        return mantissa * 2.0**exponent

    def text(self) -> str:
        return self.take(self.number()).decode("latin-1")

    def tensor(self) -> np.ndarray:
        if (version := self.number()) != 2:
            raise ValueError(f"tensor version {version} is not known")
        shape = [self.number() for _ in range(4)]
        return np.frombuffer(self.take(4 * int(np.prod(shape))), "<f4").reshape(shape)


@dataclass
class Convolution:
    """Filters (out, in, rows, columns) and biases, the affine layer after them folded in."""

    filters: np.ndarray
    biases: np.ndarray
    stride: int
    padding: int


def skip_to(reader: Reader, *names: str) -> str:
    """Move behind the next layer's name; between layers are gradients' sizes and flags."""
    places = [(reader.data.find(bytes([1, len(n)]) + n.encode(), reader.at), n) for n in names]
    place, name = min((at, n) for at, n in places if at >= 0)
    reader.at = place + 2 + len(name)
    return name


def read_convolution(reader: Reader, channels: int) -> Convolution:
    skip_to(reader, "con_4")
    values = reader.tensor().ravel()
    count, rows, columns, stride, _, padding, _ = (reader.number() for _ in range(7))
    filters = values[: count * channels * rows * columns].reshape(count, channels, rows, columns)
    biases = values[filters.size :]
    if len(biases) != count:
        raise ValueError(f"{len(biases)} biases for {count} filters")
    skip_to(reader, "affine_")
    factors, shifts = np.split(reader.tensor().ravel(), 2)
    return Convolution(
        filters * factors[:, None, None, None], biases * factors + shifts, stride, padding
    )


def read_network(path: Path) -> tuple[list[Convolution], np.ndarray, np.ndarray]:
    """Convolutions from the picture on, the last matrix (inputs, 128), and the mean colour."""
    reader = Reader(path.read_bytes())
    skip_to(reader, "input_rgb_image_sized")
    colour = np.array([reader.real() for _ in range(3)], np.float32)
    convolutions, channels = [], 3
    for _ in range(29):
        convolutions.append(read_convolution(reader, channels))
        channels = len(convolutions[-1].filters)
    skip_to(reader, "fc_2")
    outputs, inputs = reader.number(), reader.number()
    matrix = reader.tensor().reshape(inputs, outputs)
    return convolutions, matrix, colour


@dataclass
class Layer:
    """An output of the graph being built, and its size."""

    name: str
    channels: int
    side: int


class Graph:
    """The ONNX graph being built; weights are stored in `kind`."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind = kind
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        stored = value.astype(self.kind if value.dtype == np.float32 else value.dtype)
        self.constants.append(numpy_helper.from_array(stored, name))
        if stored.dtype != np.float16:
            return name
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def exact(self, value: np.ndarray) -> str:
        """A constant with all its bits."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def convolve(self, x: str, one: Convolution) -> str:
        pads, strides = [one.padding] * 4, [one.stride] * 2
        shape = list(one.filters.shape[2:])
        inputs = (x, self.constant(one.filters), self.exact(one.biases.astype(np.float32)))
        return self.add("Conv", *inputs, kernel_shape=shape, strides=strides, pads=pads)

    def filled(self, x: Layer, channels: int, side: int) -> str:
        """`x` with zeros behind its end."""
        if (x.channels, x.side) == (channels, side):
            return x.name
        ends = np.array([0, 0, 0, 0, 0, channels - x.channels, *[side - x.side] * 2], np.int64)
        return self.add("Pad", x.name, self.exact(ends))


def with_colour(one: Convolution, colour: np.ndarray) -> Convolution:
    """The first convolution on pixels of 0 to 255: (x - colour) / 256 folded in."""
    filters = one.filters / np.float32(256)
    middle = (filters * colour[None, :, None, None]).sum(axis=(1, 2, 3))
    return Convolution(filters, one.biases - middle, one.stride, one.padding)


def build(path: Path, kind: np.dtype[Any], mean: np.ndarray) -> onnx.ModelProto:
    """`pictures` (n, 150, 150, 3), uint8 RGB, to `descriptors` and `embeddings` (n, 128)."""
    convolutions, matrix, colour = read_network(path)
    graph = Graph(kind)
    x = graph.add("Cast", "pictures", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    x = graph.add("Relu", graph.convolve(x, with_colour(convolutions[0], colour)))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    layer = Layer(x, len(convolutions[0].filters), ((SIZE - 7) // 2 + 1 - 3) // 2 + 1)
    for first, second in zip(convolutions[1::2], convolutions[2::2], strict=True):
        layer = residual(graph, layer, first, second)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", layer.name), axis=1)
    weights = graph.constant(matrix.astype(np.float32))
    x = graph.add("MatMul", x, weights, output="descriptors")
    x = graph.add("Sub", x, graph.exact(mean.astype(np.float32)))
    length = graph.add("ReduceL2", x, axes=[1], keepdims=1)
    length = graph.add("Max", length, graph.exact(np.array(1e-12, np.float32)))
    graph.add("Div", x, length, output="embeddings")
    describe = helper.make_tensor_value_info
    inputs = [describe("pictures", TensorProto.UINT8, ["n", SIZE, SIZE, 3])]
    outputs = [
        describe(name, TensorProto.FLOAT, ["n", VECTOR]) for name in ("descriptors", "embeddings")
    ]
    made = helper.make_graph(graph.nodes, "face-identity", inputs, outputs, graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def residual(graph: Graph, x: Layer, first: Convolution, second: Convolution) -> Layer:
    """Two convolutions and what they started from.

    If the first convolution halves the picture, the input is averaged to half its size. dlib adds
    tensors of different sizes as if the smaller one were padded with zeros.
    """
    y = Layer(graph.add("Relu", graph.convolve(x.name, first)), len(first.filters), x.side)
    if first.stride == 2:
        y.side = (x.side - 3) // 2 + 1
        pooled = graph.add("AveragePool", x.name, kernel_shape=[2, 2], strides=[2, 2])
        x = Layer(pooled, x.channels, x.side // 2)
    y.name = graph.convolve(y.name, second)
    channels, side = max(x.channels, y.channels), max(x.side, y.side)
    total = graph.add("Add", graph.filled(x, channels, side), graph.filled(y, channels, side))
    return Layer(graph.add("Relu", total), channels, side)


def mean_face(path: Path) -> np.ndarray:
    """The mean descriptor of many people. The pictures are grey, have 25 pixels a side and are
    cropped more closely than this network expects, so each is padded by repeating its edges."""
    import skimage
    from PIL import Image

    faces = np.load(Path(skimage.__file__).parent / "data" / "lfw_subset.npy")[:100]
    rim = (SIZE - _FACE) // 2
    chips = []
    for face in faces:
        grey = Image.fromarray((face * 255).clip(0, 255).astype(np.uint8))
        large = np.asarray(grey.resize((_FACE, _FACE), Image.Resampling.BICUBIC).convert("RGB"))
        chips.append(np.pad(large, ((rim, rim), (rim, rim), (0, 0)), mode="edge"))
    model = build(path, np.dtype(np.float32), np.zeros(VECTOR))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (found,) = session.run(["descriptors"], {"pictures": np.stack(chips)})
    mean: np.ndarray = found.mean(axis=0)
    return mean


def difference(path: Path, network: Path, chips: np.ndarray) -> tuple[float, float]:
    """The differences between our vectors and dlib's: the largest of a value, and the largest
    distance."""
    import dlib

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (ours,) = session.run(["descriptors"], {"pictures": chips})
    original = dlib.face_recognition_model_v1(str(network))
    theirs = np.array([original.compute_face_descriptor(chip) for chip in chips], np.float32)
    return float(np.abs(ours - theirs).max()), float(np.linalg.norm(ours - theirs, axis=1).max())


def pictures(folder: Path | None) -> np.ndarray:
    """Blurred noise, and the faces in `folder`."""
    from PIL import Image

    coarse = np.random.default_rng(1).integers(0, 256, (16, 10, 10, 3), dtype=np.uint8)
    size = (SIZE, SIZE)
    chips = [Image.fromarray(one).resize(size, Image.Resampling.BICUBIC) for one in coarse]
    found = sorted(folder.rglob("*.jpg")) if folder is not None else []
    chips += [one for file in found if (one := Image.open(file).convert("RGB")).size == size]
    return np.stack([np.asarray(one) for one in chips])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, help="face-recognition-models, unpacked")
    parser.add_argument("--chips", type=Path, help="a folder of aligned faces (.jpg, 150 x 150)")
    parser.add_argument("--kind", choices=sorted(TOLERANCE), default="float16")
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    network = options.package / NETWORK
    options.out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(network, np.dtype(options.kind), mean_face(network)), options.out)
    chips = pictures(options.chips)
    value, distance = difference(options.out, network, chips)
    print(f"{network.name}: sha256 {hashlib.sha256(network.read_bytes()).hexdigest()}")
    print(f"{options.out}: sha256 {hashlib.sha256(options.out.read_bytes()).hexdigest()}")
    print(
        f"{options.out.stat().st_size:,} bytes; on {len(chips)} pictures a value differs by at "
        f"most {value:.1e}, a vector is at most {distance:.1e} away from dlib's"
    )
    if value > TOLERANCE[options.kind]:
        sys.exit("this is not the original network")


if __name__ == "__main__":
    main()
