"""The choice of devices as tables: requested, available, chosen."""

from __future__ import annotations

import pytest

from reelmill.engine.resources.devices import choose_devices
from reelmill.engine.resources.monitor import DeviceSample
from reelmill.engine.stage import Device
from reelmill.errors import UsageError


def card(index: int, used_share: float, total_mb: float = 16_000.0) -> DeviceSample:
    return DeviceSample(index, f"Card {index}", used_share * total_mb, total_mb, 0.0)


@pytest.mark.parametrize(
    ("wanted", "cards", "chosen", "free_mb"),
    [
        ("auto", [], ["cpu"], None),
        ("auto", [card(0, 0.25)], ["cuda:0"], 12_000.0),
        ("auto", [card(0, 0.95), card(1, 0.5)], ["cuda:1"], 8_000.0),
        ("auto", [card(0, 0.5), card(1, 0.25)], ["cuda:0", "cuda:1"], 8_000.0),
        ("auto", [card(0, 0.90)], ["cpu"], None),
        ("auto", [card(0, 0.89)], ["cuda:0"], pytest.approx(1760.0)),
        ("cpu", [card(0, 0.0)], ["cpu"], None),
        ("cpu:2", [], ["cpu", "cpu"], None),
        ("cuda", [card(0, 0.5)], ["cuda:0"], 8_000.0),
        ("cuda:1", [card(0, 0.0), card(1, 0.5)], ["cuda:1"], 8_000.0),
        ("cuda:0, cuda:1", [card(0, 0.5), card(1, 0.75)], ["cuda:0", "cuda:1"], 4_000.0),
        ("cuda:0", [card(0, 0.99)], ["cuda:0"], pytest.approx(160.0)),  # asked for is asked for
    ],
)
def test_devices_are_chosen_by_free_memory_and_use(
    wanted: str, cards: list[DeviceSample], chosen: list[str], free_mb: float | None
) -> None:
    # proves: G6 G16
    choice = choose_devices(wanted, cards)
    assert [str(device) for device in choice.devices] == chosen
    assert choice.free_mb == free_mb
    assert choice.reason


def test_cpu_2_gives_two_model_workers() -> None:
    # proves: G16
    assert choose_devices("cpu:2", []).devices == (Device("cpu", 0), Device("cpu", 1))


def test_the_number_of_model_workers_on_the_cpu_is_chosen_unless_given() -> None:
    # proves: G16
    assert choose_devices("cpu", []).model_workers_open
    assert choose_devices("auto", []).model_workers_open
    assert not choose_devices("cpu:1", []).model_workers_open
    assert not choose_devices("auto", [card(0, 0.1)]).model_workers_open


def test_busy_gpus_are_reported_with_the_consequence() -> None:
    # proves: G6
    choice = choose_devices("auto", [card(0, 0.97)])
    assert choice.slow and "97%" in choice.reason and "slower" in choice.reason


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "cpu:-1", "", "cuda:0,,cuda:1", "cpu:0"])
def test_invalid_device_names_are_refused(wanted: str) -> None:
    with pytest.raises(UsageError, match="--device"):
        choose_devices(wanted, [card(0, 0.0)])


def test_a_missing_gpu_is_reported_with_the_existing_ones() -> None:
    with pytest.raises(UsageError, match=r"cuda:0 \(Card 0\)"):
        choose_devices("cuda:3", [card(0, 0.0)])
    with pytest.raises(UsageError, match="found: none"):
        choose_devices("cuda", [])
