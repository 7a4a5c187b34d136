"""Short memory: what is done at which second, with a scripted machine and device."""

from __future__ import annotations

from collections.abc import Sequence

from reelmill.engine.resources.memory_policy import Action, Halve, MemoryPolicy, Release, Stop, Warn
from reelmill.engine.stage import Device
from tests.faults.devices import Card, sample

GPU, CPU = Device("cuda", 0), Device("cpu")


def kinds(actions: Sequence[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def of_machine(shares: Sequence[float], limit: float = 0.8) -> list[list[str]]:
    memory_policy = MemoryPolicy(limit)
    return [kinds(memory_policy.look(sample(machine_share=share), {CPU})) for share in shares]


def of_card(shares: Sequence[float]) -> list[list[str]]:
    memory_policy = MemoryPolicy()
    return [kinds(memory_policy.look(sample(Card(used_mb=1000 * s)), {GPU})) for s in shares]


def flat(seconds: Sequence[Sequence[str]]) -> list[str]:
    return [kind for second in seconds for kind in second]


def test_memory_above_80_percent_is_freed_at_once() -> None:
    # proves: G7
    assert of_machine([0.79, 0.81, 0.81, 0.79]) == [[], ["Warn", "Halve", "Release"], [], []]


def test_memory_that_stays_above_the_limit_stops_the_run() -> None:
    # proves: G7
    seconds = of_machine([0.9] * 16)
    assert seconds[4] == ["Halve", "Release"]
    assert seconds[14] == ["Stop"]
    assert all(second == [] for second in seconds[5:14])


def test_a_short_peak_does_not_stop_the_run() -> None:
    # proves: G7
    assert "Stop" not in flat(of_machine(([0.9] * 10 + [0.7]) * 5))


def test_the_warning_is_given_once_per_crossing() -> None:
    # proves: G5 G7
    told = flat(of_machine([0.81, 0.78, 0.81, 0.78, 0.74, 0.81]))
    assert told.count("Warn") == 2
    assert flat(of_card([0.81, 0.82, 0.79, 0.81, 0.74, 0.85])).count("Warn") == 2


def test_a_raised_limit_is_respected() -> None:
    # proves: G7
    assert of_machine([0.9] * 20, limit=0.95) == [[]] * 20
    assert of_machine([1.0] * 20, limit=1.0) == [[]] * 20


def test_messages_have_figures_and_what_to_do() -> None:
    # proves: G7
    memory_policy = MemoryPolicy()
    actions = [a for _ in range(15) for a in memory_policy.look(sample(machine_share=0.9), {CPU})]
    warning = next(action for action in actions if isinstance(action, Warn))
    assert "90%" in warning.text and "500 MB" in warning.text
    (stop,) = (action for action in actions if isinstance(action, Stop))
    assert "90%" in stop.reason and "--memory-limit" in stop.reason and "kept" in stop.reason


def test_a_device_is_warned_of_at_80_and_its_batches_are_halved_at_95_percent_at_once() -> None:
    # proves: G5
    assert of_card([0.79, 0.81, 0.94]) == [[], ["Warn"], []]
    assert of_card([0.5, 0.96, 0.96, 0.9]) == [[], ["Warn", "Halve"], ["Halve"], []]


def test_a_device_that_stays_full_finally_stops_the_run() -> None:
    # proves: G7
    seconds = of_card([0.97] * 15)
    assert "Release" in seconds[4] and seconds[14] == ["Halve", "Stop"]
    assert all("Stop" not in second for second in seconds[:14])


def test_only_devices_in_use_are_watched() -> None:
    # proves: G5
    memory_policy = MemoryPolicy()
    assert memory_policy.look(sample(Card(used_mb=990.0)), {CPU}) == []
    two = sample(Card(0, used_mb=990.0), Card(1, used_mb=990.0))
    halved = [a for a in memory_policy.look(two, {Device("cuda", 1)}) if isinstance(a, Halve)]
    assert halved == [Halve(Device("cuda", 1))]
    assert Release() == Release()
