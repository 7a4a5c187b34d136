"""The choice of device, second by second, with scripted devices."""

from __future__ import annotations

import pytest

from reelmill.engine.resources.device_policy import LOOK_EVERY_S, DevicePolicy, Move, foreign_share
from reelmill.engine.stage import Device
from tests.faults.devices import Card, sample

ONE, TWO = Device("cuda", 0), Device("cuda", 1)


def busy(index: int = 0) -> Card:
    return Card(index, used_mb=950.0, foreign_mb=910.0, own_mb=40.0)


def free(index: int = 0) -> Card:
    return Card(index, used_mb=300.0, foreign_mb=100.0, own_mb=200.0)


def gone(index: int = 0) -> Card:
    return Card(index, present=False)


def seconds(
    device_policy: DevicePolicy, cards: list[list[Card]], need_mb: float = 50.0
) -> list[Move | None]:
    """One sample a second, with our model workers on the devices that the policy chose."""
    return [
        device_policy.look(
            sample(*some), at + 1.0, dict.fromkeys(device_policy.gpus, 40.0), need_mb
        )
        for at, some in enumerate(cards)
    ]


def test_a_gpu_that_others_use_is_left_after_five_seconds() -> None:
    # proves: G6
    moves = seconds(DevicePolicy((ONE,), automatic=True), [[free()], *([[busy()]] * 5)])
    assert moves[:5] == [None] * 5
    assert moves[5] is not None and moves[5].devices == () and moves[5].slower
    assert "other programs" in moves[5].reason and "CPU" in moves[5].reason


def test_a_short_peak_of_other_programs_is_ignored() -> None:
    # proves: G6
    cards = ([[busy()]] * 4 + [[free()]]) * 10
    assert seconds(DevicePolicy((ONE,), automatic=True), cards) == [None] * 50


def test_a_released_gpu_is_used_again_within_a_minute() -> None:
    # proves: G6
    device_policy = DevicePolicy((ONE,), automatic=True)
    released_at = 30
    moves = seconds(device_policy, [[busy()]] * released_at + [[free()]] * 90)
    (back,) = (at for at, move in enumerate(moves) if move is not None and not move.slower)
    assert 0 <= back - released_at <= LOOK_EVERY_S
    assert moves[back] is not None and moves[back].devices == (ONE,)  # type: ignore[union-attr]
    assert device_policy.gpus == (ONE,)


def test_a_run_on_the_cpu_moves_to_a_gpu_that_becomes_free() -> None:
    # proves: G6
    moves = seconds(DevicePolicy((), automatic=True), [[busy()]] * 70 + [[free()]] * 60)
    assert [move.devices for move in moves if move is not None] == [(ONE,)]


def test_a_gpu_without_room_for_the_models_is_not_used_again() -> None:
    # proves: G6
    device_policy = DevicePolicy((), automatic=True)
    assert seconds(device_policy, [[free()]] * 130, need_mb=701.0) == [None] * 130
    moves = seconds(DevicePolicy((), automatic=True), [[free()]] * 130, need_mb=700.0)
    assert any(move is not None for move in moves)


@pytest.mark.parametrize("foreign", [810.0, 890.0])
def test_between_80_and_90_percent_nothing_changes_in_either_direction(foreign: float) -> None:
    # proves: G6
    card = Card(used_mb=900.0, foreign_mb=foreign, own_mb=10.0)
    assert seconds(DevicePolicy((ONE,), automatic=True), [[card]] * 130) == [None] * 130
    assert seconds(DevicePolicy((), automatic=True), [[card]] * 130) == [None] * 130


def test_a_gpu_chosen_by_the_user_is_kept_although_busy() -> None:
    # proves: G6
    assert seconds(DevicePolicy((ONE,), automatic=False), [[busy()]] * 130) == [None] * 130


@pytest.mark.parametrize("automatic", [True, False])
def test_a_gpu_that_disappears_is_left_and_taken_again_when_it_is_back(automatic: bool) -> None:
    # proves: G6
    moves = seconds(
        DevicePolicy((ONE,), automatic), [[free()], *([[gone()]] * 80), *([[free()]] * 60)]
    )
    assert moves[3] is not None and moves[3].devices == ()
    assert "no longer available" in moves[3].reason
    assert [move.devices for move in moves[4:] if move is not None] == [(ONE,)]


def test_of_two_gpus_only_the_busy_one_is_left() -> None:
    # proves: G6 G16
    moves = seconds(DevicePolicy((ONE, TWO), automatic=True), [[busy(), free(1)]] * 5)
    assert moves[4] is not None and moves[4].devices == (TWO,)
    assert "cuda:1" in moves[4].reason


def test_a_cpu_chosen_by_the_user_is_kept() -> None:
    # proves: G6
    assert seconds(DevicePolicy((), automatic=False), [[free()]] * 130) == [None] * 130


def test_a_gpu_on_which_a_model_is_loading_is_not_judged() -> None:
    # proves: G6
    device_policy = DevicePolicy((ONE,), automatic=True)
    looks = [device_policy.look(sample(busy()), float(at), {}, 0.0) for at in range(20)]
    assert looks == [None] * 20


@pytest.mark.parametrize(
    ("card", "own_mb", "share"),
    [
        (Card(used_mb=950.0, foreign_mb=900.0, own_mb=50.0), 50.0, 0.9),
        (Card(used_mb=950.0, foreign_mb=950.0, own_mb=None), 900.0, 0.05),  # NVML can't tell ours
        (Card(used_mb=950.0, foreign_mb=900.0, own_mb=None), 0.0, 0.9),  # we have nothing there
        (Card(used_mb=950.0, foreign_mb=None, own_mb=None), 200.0, 0.75),
        (Card(used_mb=100.0, foreign_mb=None, own_mb=None), 200.0, 0.0),
    ],
)
def test_use_by_other_programs_is_measured(card: Card, own_mb: float, share: float) -> None:
    # proves: G5 G6
    assert foreign_share(card.sample(), own_mb) == pytest.approx(share)
