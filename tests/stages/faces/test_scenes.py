"""What is a cut, and what only resembles one."""

from __future__ import annotations

import numpy as np

from reelmill.stages.faces.scenes import COLUMNS, ROWS, is_cut


def wall(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.2, 0.8, (ROWS, COLUMNS)).astype(np.float32)


def test_another_place_is_a_cut() -> None:
    assert is_cut(wall(1), wall(2))


def test_light_and_flashes_are_not_cuts() -> None:
    assert not is_cut(wall(1), wall(1) + np.float32(0.2))
    assert not is_cut(wall(1), np.clip(wall(1) * 1.4, 0, 1).astype(np.float32))


def test_a_large_person_who_moves_is_not_a_cut() -> None:
    before, after = np.full((ROWS, COLUMNS), 0.5, np.float32), None
    after = before.copy()
    before[4:, 2:12] = 0.1
    after[4:, 8:18] = 0.1
    assert not is_cut(before, after)


def test_noise_on_a_plain_wall_is_not_a_cut() -> None:
    plain = np.full((ROWS, COLUMNS), 0.5, np.float32)
    noise = np.random.default_rng(3).normal(0, 0.01, plain.shape).astype(np.float32)
    assert not is_cut(plain, plain + noise)


def test_from_black_to_a_picture_is_a_cut() -> None:
    assert is_cut(np.zeros((ROWS, COLUMNS), np.float32), wall(1))
