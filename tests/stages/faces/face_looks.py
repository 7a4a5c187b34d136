"""A substitute for the face network: the embedding of a face is its coarse picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reelmill.engine.stage import Device
from reelmill.models.faces.facenet import FacenetSpec, face_pictures
from reelmill.models.faces.facenet_convert import SIZE
from reelmill.models.runtimes.onnx_writer import Graph, Value


@dataclass(frozen=True)
class CoarseSpec(FacenetSpec):
    path: Path = Path()
    label: str = "coarse"
    digest: str = "coarse-1"

    def load(self, device: Device, threads: int) -> Coarse:
        return Coarse()

    def memory_mb(self, device_kind: str) -> float:
        return 1.0


class Coarse:
    def pictures(self, frame, boxes, landmarks) -> np.ndarray:
        return face_pictures(frame, boxes)

    def embed(self, faces) -> np.ndarray:
        cells = faces.reshape(-1, 10, 16, 10, 16, 3).astype(np.float32)
        grey = cells.mean(axis=(2, 4, 5)).reshape(len(faces), -1)
        grey -= grey.mean(axis=1, keepdims=True)
        return grey / np.linalg.norm(grey, axis=1, keepdims=True)


def coarse_network(path: Path) -> Path:
    """The same as an ONNX file, for `--identity`."""
    graph = Graph("coarse")
    x = graph.add("Cast", ["pictures"], to=1)
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.add("AveragePool", [x], kernel_shape=[16, 16], strides=[16, 16])
    x = graph.add("Flatten", [graph.add("ReduceMean", [x], axes=[1], keepdims=0)], axis=1)
    x = graph.add("Sub", [x, graph.add("ReduceMean", [x], axes=[1], keepdims=1)])
    length = graph.add("ReduceL2", [x], axes=[1], keepdims=1)
    floor = graph.constant(np.array(1e-6, np.float32))
    graph.add_named("embeddings", "Div", [x, graph.add("Max", [length, floor])])
    pictures = Value("pictures", np.uint8, ["n", SIZE, SIZE, 3])
    graph.save(path, [pictures], [Value("embeddings", np.float32, ["n", 100])])
    return path
