"""The search finds faces that move, appear and disappear by searching few frames, with a scripted
detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.detector import Faces
from reelmill.stages.faces.search import LOOK_EVERY, Search, match, planned_looks

SIDE = 30.0
Place = Callable[[int], float | None]


class Scripted:
    """Knows where faces are: people's left edges by frame, each in a row of their own.

    The number of a frame is its first pixel. `check` corrects boxes that overlap a face by more
    than 0.4, as an O-Net does.
    """

    def __init__(self, *people: Place) -> None:
        self.people = people
        self.looks = self.sought = 0

    def truth(self, number: int) -> np.ndarray:
        lefts = [(row, person(number)) for row, person in enumerate(self.people)]
        return np.array(
            [(x, 60 * row, x + SIDE, 60 * row + SIDE) for row, x in lefts if x is not None],
            np.float32,
        ).reshape(-1, 4)

    def look(self, frames: Sequence[np.ndarray]) -> list[Faces]:
        self.looks += len(frames)
        return [faces(self.truth(int(frame[0, 0, 0]))) for frame in frames]

    def check(self, frames: Sequence[np.ndarray], which: np.ndarray, boxes: np.ndarray) -> Faces:
        scores, corrected = np.zeros(len(boxes), np.float32), boxes.copy()
        for row, (place, box) in enumerate(zip(which, boxes, strict=True)):
            truth = self.truth(int(frames[place][0, 0, 0]))
            near = overlaps(box[None], truth)[0]
            if len(truth) and near.max() > 0.4:
                scores[row], corrected[row] = 0.99, truth[near.argmax()]
        return Faces(corrected, scores, np.zeros((len(boxes), 5, 2), np.float32))

    def seek(
        self, frames: Sequence[np.ndarray], which: np.ndarray, boxes: np.ndarray, around: float
    ) -> Faces:
        """Finds what is wholly within a square of so many sides of the box."""
        scores, corrected = np.zeros(len(boxes), np.float32), boxes.copy()
        for row, (place, box) in enumerate(zip(which, boxes, strict=True)):
            for face in self.truth(int(frames[place][0, 0, 0])):
                if np.abs(face[:2] - box[:2]).max() < (around - 1) / 2 * SIDE:
                    scores[row], corrected[row] = 0.99, face
                    self.sought += 1
        return Faces(corrected, scores, np.zeros((len(boxes), 5, 2), np.float32))


def faces(boxes: np.ndarray) -> Faces:
    count = len(boxes)
    return Faces(boxes, np.full(count, 0.99, np.float32), np.zeros((count, 5, 2), np.float32))


def search(detector: Scripted, count: int = 48, runs=None) -> Search:
    frames = [np.full((4, 4, 3), number, np.uint8) for number in range(count)]
    found = Search(detector, frames, runs or [(0, count - 1)])
    found.run()
    return found


def assert_all_found(detector: Scripted, found: Search) -> None:
    for number, seen in enumerate(found.found):
        truth = detector.truth(number)
        assert len(seen) == len(truth), f"frame {number}"
        if len(truth):
            assert overlaps(truth, seen.boxes).max(axis=1).min() > 0.75, f"frame {number}"


def test_few_frames_are_searched_in_a_quiet_video() -> None:
    detector = Scripted(lambda n: 50.0, lambda n: 20 + n / 2)
    found = search(detector)
    assert_all_found(detector, found)
    assert detector.looks == len(planned_looks(0, 47))


@pytest.mark.parametrize("swing", [20.0, 60.0, 120.0])
def test_moving_faces_are_followed(swing: float) -> None:
    detector = Scripted(lambda n: 200 + swing * np.sin(n / 2), lambda n: 300.0)
    assert_all_found(detector, search(detector))


def test_more_frames_are_searched_only_where_faces_move() -> None:
    fast = Scripted(lambda n: 50.0 if n < 24 else 200 + 120 * np.sin(n / 2))
    found = search(fast)
    assert_all_found(fast, found)
    assert found.looked[:24].sum() <= 24 / LOOK_EVERY + 2
    assert found.looked[24:].sum() >= 6


def test_a_face_that_moved_a_little_is_found_without_searching_the_frame() -> None:
    detector = Scripted(lambda n: 100 + 15 * np.sin(n / 2.5), lambda n: 300.0)
    assert_all_found(detector, search(detector))
    assert detector.sought
    assert detector.looks == len(planned_looks(0, 47))


@pytest.mark.parametrize("first", range(8))
def test_faces_that_appear_and_disappear_are_found_to_the_frame(first: int) -> None:
    detector = Scripted(lambda n: 40.0 if first <= n < first + 13 else None, lambda n: 90.0)
    assert_all_found(detector, search(detector, 24))


def test_scenes_are_searched_separately() -> None:
    detector = Scripted(lambda n: 30.0 if n < 9 else 160.0, lambda n: None if n < 9 else 10.0)
    found = search(detector, 24, [(0, 8), (9, 23)])
    assert_all_found(detector, found)
    assert detector.looks <= 6


def test_videos_without_faces_and_of_single_frames_are_searched() -> None:
    nobody = Scripted(lambda n: None)
    assert all(len(seen) == 0 for seen in search(nobody).found)
    somebody = Scripted(lambda n: 5.0)
    assert_all_found(somebody, search(somebody, 1))


@pytest.mark.parametrize("length", range(1, 30))
def test_searched_frames_are_spread_evenly(length: int) -> None:
    places = planned_looks(10, 10 + length - 1)
    steps = np.diff(places)
    assert (places[0], places[-1]) == (10, 10 + length - 1)
    assert steps.max(initial=0) <= LOOK_EVERY
    assert steps.max(initial=0) - steps.min(initial=LOOK_EVERY) <= 1


def test_matching_chooses_the_nearest_face_of_similar_size() -> None:
    one = faces(np.array([(0, 0, 30, 30), (100, 0, 130, 30)], np.float32))
    other = faces(np.array([(95, 0, 125, 30), (4, 0, 34, 30), (10, 0, 100, 90)], np.float32))
    assert sorted(match(one, other).tolist()) == [[0, 1], [1, 0]]
    assert len(match(one, faces(np.zeros((0, 4), np.float32)))) == 0
