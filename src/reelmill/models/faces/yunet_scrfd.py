"""Other face detectors in ONNX files: YuNet and SCRFD, recognized by their outputs.

Both process a picture once and score each cell of three or five grids. YuNet: Wu et al., "YuNet: A
Tiny Millisecond-level Face Detector", Machine Intelligence Research 20(5), 2023, as OpenCV's zoo
has it (2023mar and later). SCRFD: Guo et al., "Sample and Computation Redistribution for Efficient
Face Detection", 2021 (arXiv:2105.04714), as InsightFace exports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reelmill.core.arrays import Float32, UInt8
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.boxes import suppress
from reelmill.models.faces.detector import DetectorSpec, Faces, no_faces
from reelmill.models.runtimes.onnx import OnnxModelSpec, open_network

Kind = Literal["yunet", "scrfd"]

#: The least scores of a face, and how much two faces may overlap: as in the originals.
_SURE: dict[Kind, float] = {"yunet": 0.7, "scrfd": 0.5}
_OVERLAP: dict[Kind, float] = {"yunet": 0.3, "scrfd": 0.4}
_FIRST_STRIDE = 8
#: The size for a network that accepts any: a multiple of its coarsest grid.
_ANY_SIZE = 640
#: The usual positions of eyes, nose and mouth in a face's box, for networks without landmarks.
_USUAL = np.array([[0.31, 0.38], [0.69, 0.38], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
_LIBRARIES_MB = 350


@dataclass(frozen=True)
class GridDetectorSpec(OnnxModelSpec, DetectorSpec):
    """A detector in the ONNX file `path`."""

    path: Path
    digest: str

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def identity(self) -> str:
        return self.digest

    @property
    def sure(self) -> float:
        return min(_SURE.values())

    def load(self, device: Device, threads: int) -> GridDetector:
        """As `open_network`. Also raises ModelUnavailableError if it is not a known detector."""
        return GridDetector(open_network(self.path, device, threads), self.path)

    def memory_mb(self, device_kind: str) -> float:
        return 2 * self.path.stat().st_size / (1 << 20) + _LIBRARIES_MB

    def warm_up(self, model: GridDetector) -> None:
        model.look([np.full((60, 80, 3), 127, np.uint8)])


@dataclass(frozen=True)
class Grid:
    """A network's output for one grid: scores (n,), boxes (n, 4), points (n, 5, 2) or None, in the
    network's units; cells row by row, with `anchors` entries per cell."""

    stride: int
    columns: int
    anchors: int
    scores: Float32
    boxes: Float32
    points: Float32 | None

    def cells(self, rows: Any) -> Float32:
        """The column and row (n, 2) of the cells of `rows`."""
        cells = np.asarray(rows) // self.anchors
        return np.stack([cells % self.columns, cells // self.columns], axis=1).astype(np.float32)


class GridDetector:
    """A loaded network."""

    def __init__(self, network: Any, path: Path) -> None:
        self._network, self._path = network, path
        self._input = network.get_inputs()[0]
        shape = self._input.shape
        if self._input.type != "tensor(float)" or len(shape) != 4 or shape[1] != 3:
            raise self._unknown(f"takes {self._input.type} {shape}")
        height, width = (size if isinstance(size, int) else None for size in shape[2:])
        self._size = (height, width) if height is not None and width is not None else None
        self.kind = self._recognized()

    def look(self, frames: Sequence[UInt8]) -> list[Faces]:
        """All faces of each frame, best first. Frames are RGB (height, width, 3)."""
        return [self._faces(frame) for frame in frames]

    def _faces(self, frame: UInt8) -> Faces:
        picture, scale = self._fitted(frame)
        boxes, scores, points = [], [], []
        for grid in self._grids(picture):
            rows = np.flatnonzero(grid.scores >= _SURE[self.kind])
            corners, landmarks = decoded(grid, rows, self.kind)
            boxes.append(corners)
            points.append(landmarks)
            scores.append(grid.scores[rows])
        faces = Faces(np.concatenate(boxes), np.concatenate(scores), np.concatenate(points))
        if not len(faces):
            return no_faces()
        groups = np.zeros(len(faces), np.int64)
        faces = faces.take(suppress(faces.boxes, faces.scores, groups, _OVERLAP[self.kind]))
        grown = np.float32(1 / scale)
        return Faces(faces.boxes * grown, faces.scores, faces.landmarks * grown)

    def _fitted(self, frame: UInt8) -> tuple[UInt8, float]:
        """The frame in the corner of a picture of the network's size, and its scale."""
        height, width = frame.shape[:2]
        step = 32 if self.kind == "yunet" else 128
        size = self._size or (-(-height // step) * step, -(-width // step) * step)
        scale = min(1.0, size[0] / height, size[1] / width)
        if scale < 1:
            from PIL import Image

            small = (max(1, round(width * scale)), max(1, round(height * scale)))
            frame = np.asarray(Image.fromarray(frame).resize(small, Image.Resampling.BILINEAR))
        picture = np.zeros((*size, 3), np.uint8)
        picture[: frame.shape[0], : frame.shape[1]] = frame
        return picture, scale

    def _outputs(self, picture: UInt8, kind: Kind) -> list[Float32]:
        """All outputs as (rows, numbers). YuNet sees blue, green, red from 0 to 255; SCRFD red,
        green, blue from -1 to 1."""
        pixels: Float32 = picture.astype(np.float32)
        if kind == "yunet":
            pixels = pixels[:, :, ::-1]
        else:
            pixels = (pixels - np.float32(127.5)) * np.float32(1 / 128)
        tensor = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
        outputs = self._network.run(None, {self._input.name: tensor})
        return [output.reshape(-1, output.shape[-1]) for output in outputs if output.ndim >= 2]

    def _grids(self, picture: UInt8) -> list[Grid]:
        outputs = self._outputs(picture, self.kind)
        height, width = picture.shape[:2]
        grids = []
        for number, rows in enumerate(sorted({len(output) for output in outputs}, reverse=True)):
            stride = _FIRST_STRIDE << number
            columns = width // stride
            anchors = max(1, rows // (columns * (height // stride)))
            those = [output for output in outputs if len(output) == rows]
            scores = [output[:, 0] for output in those if output.shape[1] == 1]
            (boxes,) = (output for output in those if output.shape[1] == 4)
            points = next((output for output in those if output.shape[1] == 10), None)
            likely = np.prod([np.clip(one, 0, 1) for one in scores], axis=0) ** (1 / len(scores))
            places = None if points is None else points.reshape(-1, 5, 2)
            grids.append(Grid(stride, columns, anchors, likely.astype(np.float32), boxes, places))
        return grids

    def _recognized(self) -> Kind:
        """The kind of network, by its output for a grey picture."""
        height, width = self._size or (_ANY_SIZE, _ANY_SIZE)
        outputs = self._outputs(np.full((height, width, 3), 127, np.uint8), "scrfd")
        shapes = sorted(output.shape for output in outputs)
        for kind, scores in (("yunet", 2), ("scrfd", 1)):
            for points in (1, 0):
                for strides, anchors in ((3, 2), (3, 1), (5, 1)):
                    one = scores * [1] + [4] + points * [10]
                    sides = [_FIRST_STRIDE << number for number in range(strides)]
                    places = [anchors * (height // side) * (width // side) for side in sides]
                    if shapes == sorted((n, size) for n in places for size in one):
                        return "yunet" if kind == "yunet" else "scrfd"
        raise self._unknown(f"has the outputs {', '.join(map(str, shapes)) or 'nothing'}")

    def _unknown(self, what: str) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"{self._path}: {what}, unlike YuNet (2023mar or later) and SCRFD; give one of "
            "these, or use --detector mtcnn"
        )


def decoded(grid: Grid, rows: Any, kind: Kind) -> tuple[Float32, Float32]:
    """Boxes (n, 4) and landmarks (n, 5, 2), in pixels, of some rows of a grid."""
    cells, numbers, stride = grid.cells(rows), grid.boxes[rows], np.float32(grid.stride)
    if kind == "yunet":
        middles = (cells + numbers[:, :2]) * stride
        halves = np.exp(numbers[:, 2:]) * stride / 2
        boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    else:
        corners = [cells - numbers[:, :2], cells + numbers[:, 2:]]
        boxes = np.concatenate(corners, axis=1) * stride
    if grid.points is None:
        sides = boxes[:, None, 2:] - boxes[:, None, :2]
        return boxes, boxes[:, None, :2] + _USUAL * sides
    return boxes, (cells[:, None] + grid.points[rows]) * stride
