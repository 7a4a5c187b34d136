"""YuNet and SCRFD by path: small networks with the same inputs and outputs find a bright square.

# proves: F1
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.detectors import detector_spec
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.models.faces.yunet_scrfd import Grid, GridDetector, GridDetectorSpec, decoded
from reelmill.models.runtimes.onnx_writer import Graph, Value

#: A face is as large as it is wide for the middle grid, 16 pixels a cell.
SIDE = 64
STRIDES = (8, 16, 32)


class Net:
    """A network being drawn: outputs over grids, from how bright the cells are."""

    def __init__(self, size: tuple[int, int] | None, dark: float, bright: float) -> None:
        self.graph, self.size = Graph("detector"), size
        self.dark, self.bright = dark, bright
        self.outputs: list[Value] = []

    def cells(self, stride: int) -> str:
        """How far a cell is brighter than halfway from dark to bright: (1, 1, rows, columns)."""
        sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        mean = self.graph.add("AveragePool", ["picture"], **sides)
        factor = np.full((1, 3, 1, 1), 1 / 3 / (self.bright - self.dark), np.float32)
        middle = np.array([-(self.dark + self.bright) / 2 / (self.bright - self.dark)], np.float32)
        constants = [self.graph.constant(factor), self.graph.constant(middle)]
        return self.graph.add("Conv", [mean, *constants], kernel_shape=[1, 1])

    def put_out(self, name: str, x: str, numbers: np.ndarray, *, scores: bool, batch: bool) -> None:
        """`numbers` (channels, 2): a factor of the brightness, and a constant."""
        weight = numbers[:, :1].reshape(-1, 1, 1, 1).astype(np.float32)
        constants = [self.graph.constant(one) for one in (weight, numbers[:, 1].astype(np.float32))]
        x = self.graph.add("Conv", [x, *constants], kernel_shape=[1, 1])
        size = 1 if scores else 4 if "bbox" in name else 10
        x = self.graph.add("Transpose", [x], perm=[0, 2, 3, 1])
        shape = np.array([1, -1, size] if batch else [-1, size], np.int64)
        kind = "Reshape"
        if scores:
            x = self.graph.add(kind, [x, self.graph.constant(shape)])
            self.graph.add_named(name, "Sigmoid", [x])
        else:
            self.graph.add_named(name, kind, [x, self.graph.constant(shape)])
        self.outputs.append(Value(name, np.float32, [1, "n", size] if batch else ["n", size]))

    def save(self, path: Path) -> Path:
        height, width = self.size or ("height", "width")
        self.graph.save(path, [Value("picture", np.float32, [1, 3, height, width])], self.outputs)
        return path


def constant(*values: float) -> np.ndarray:
    return np.array([[0, value] for value in values])


def yunet(path: Path, size: tuple[int, int] | None = (640, 640)) -> Path:
    """Says that a bright cell is the middle of a face of `SIDE`; only its middle grid is sure."""
    net = Net(size, dark=0, bright=255)
    for stride in STRIDES:
        x = net.cells(stride)
        sure = np.array([[40, -8]]) if stride == 16 else constant(-9)
        for name in ("cls", "obj"):
            net.put_out(f"{name}_{stride}", x, sure, scores=True, batch=True)
        box = constant(0.5, 0.5, np.log(SIDE / stride), np.log(SIDE / stride))
        net.put_out(f"bbox_{stride}", x, box, scores=False, batch=True)
        points = constant(*np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]]).ravel() + 0.5)
        net.put_out(f"kps_{stride}", x, points, scores=False, batch=True)
    return net.save(path)


def scrfd(path: Path, size: tuple[int, int] | None = None, *, points: bool = True) -> Path:
    """The same, with two anchors a cell of which the second knows."""
    net = Net(size, dark=-1, bright=1)
    middle, half = 0.5, SIDE / 2
    grids = {stride: net.cells(stride) for stride in STRIDES}
    for stride, x in grids.items():
        sure = np.array([[0, -9], [40, -8]]) if stride == 16 else constant(-9, -9)
        net.put_out(f"score_{stride}", x, sure, scores=True, batch=False)
    for stride, x in grids.items():
        near, far = half / stride - middle, half / stride + middle
        box = constant(9, 9, 9, 9, near, near, far, far)
        net.put_out(f"bbox_{stride}", x, box, scores=False, batch=False)
    for stride, x in grids.items() if points else ():
        places = np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]]).ravel() + middle
        net.put_out(f"kps_{stride}", x, constant(*[0] * 10, *places), scores=False, batch=False)
    return net.save(path)


def loaded(path: Path) -> GridDetector:
    spec = detector_spec(str(path))
    assert isinstance(spec, GridDetectorSpec)
    model = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    return model


def wall(height: int, width: int, *cells: tuple[int, int]) -> np.ndarray:
    """A dark picture with bright squares of 16 pixels at (column, row) of the middle grid."""
    picture = np.zeros((height, width, 3), np.uint8)
    for column, row in cells:
        picture[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = 255
    return picture


KINDS = {
    "yunet of 640 x 640": (yunet, "yunet"),
    "yunet of any size": (lambda path: yunet(path, None), "yunet"),
    "scrfd of any size": (scrfd, "scrfd"),
    "scrfd of 640 x 640": (lambda path: scrfd(path, (640, 640)), "scrfd"),
    "scrfd without points": (lambda path: scrfd(path, points=False), "scrfd"),
}


@pytest.mark.parametrize("what", KINDS)
def test_faces_are_at_the_positions_of_the_network(tmp_path: Path, what: str) -> None:
    make, kind = KINDS[what]
    model = loaded(make(tmp_path / "detector.onnx"))
    assert model.kind == kind
    one, none, two = model.look(
        [wall(360, 640, (10, 5)), wall(360, 640), wall(360, 640, (5, 5), (30, 15))]
    )
    assert (len(one), len(none), len(two)) == (1, 0, 2)
    middle = np.array([10 * 16 + 8, 5 * 16 + 8])
    assert one.boxes[0] == pytest.approx([*(middle - 32), *(middle + 32)], abs=0.01)
    assert one.scores[0] > 0.95
    assert one.landmarks[0, 2] == pytest.approx(middle, abs=8)
    left, right = one.landmarks[0, 0], one.landmarks[0, 1]
    assert left[0] < middle[0] < right[0]
    if "without" not in what:
        assert left == pytest.approx(middle - 16, abs=0.01)


@pytest.mark.parametrize("what", ["yunet of 640 x 640", "scrfd of 640 x 640"])
def test_a_larger_frame_is_fitted_into_the_network(tmp_path: Path, what: str) -> None:
    model = loaded(KINDS[what][0](tmp_path / "detector.onnx"))
    frame = wall(1280, 960, (20, 10)).copy()
    frame[160:192, 320:352] = 255
    (faces,) = model.look([frame])
    assert len(faces) == 1
    assert faces.boxes[0] == pytest.approx([272, 112, 400, 240], abs=0.01)


def test_one_face_detected_by_several_cells_is_one_face(tmp_path: Path) -> None:
    model = loaded(yunet(tmp_path / "detector.onnx"))
    (faces,) = model.look([wall(360, 640, (10, 5), (11, 5))])
    assert len(faces) == 1


def test_yunet_finds_the_same_faces_as_in_opencv() -> None:
    """Numbers of one cell through OpenCV's formula, in other words."""
    numbers = np.array([[0, 0, 0, 0], [0.3, -0.2, 0.7, 1.1]], np.float32)
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2) / 10
    grid = Grid(16, 1, 1, np.ones(2, np.float32), numbers, points)
    boxes, landmarks = decoded(grid, [1], "yunet")
    x, y = (0 + 0.3) * 16, (1 - 0.2) * 16
    width, height = np.exp(0.7) * 16, np.exp(1.1) * 16
    assert boxes[0] == pytest.approx(
        [x - width / 2, y - height / 2, x + width / 2, y + height / 2], abs=1e-4
    )
    assert landmarks[0, 4] == pytest.approx([1.8 * 16, (1.9 + 1) * 16], abs=1e-4)


def test_the_file_of_another_detector_is_refused(tmp_path: Path) -> None:
    onet = MtcnnSpec().folder / "onet.onnx"
    with pytest.raises(ModelUnavailableError, match=r"onet\.onnx: takes tensor\(uint8\)"):
        detector_spec(str(onet)).load(Device("cpu"), 1)


def test_another_network_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    net = Net((64, 64), 0, 255)
    net.put_out("score", net.cells(8), constant(1), scores=True, batch=True)
    path = net.save(tmp_path / "other.onnx")
    with pytest.raises(ModelUnavailableError, match=r"other\.onnx: has the outputs \(64, 1\)"):
        detector_spec(str(path)).load(Device("cpu"), 1)


def test_unknown_detector_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="the file does not exist; give mtcnn"):
        detector_spec("yunet")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ModelUnavailableError, match=r"is not an \.onnx file"):
        detector_spec(str(tmp_path / "a.txt"))


def test_a_missing_facenet_pytorch_is_reported_in_one_line(monkeypatch) -> None:
    # proves: G19
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError) as caught:
        detector_spec("facenet-pytorch")
    assert "pip install 'reelmill[faces]'" in str(caught.value)
    assert "\n" not in str(caught.value)
