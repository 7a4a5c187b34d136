"""A replica's own state: what counts as another out-of-memory failure."""

from __future__ import annotations

import pytest

from reelmill.engine.inference.replicas import Replica
from reelmill.engine.stage import Device
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


@pytest.mark.parametrize(
    ("batches", "failures"),
    [
        ([64, 64, 32, 32, 32], 2),  # those of a size that was sent ahead say nothing new
        ([64, 32, 16], 3),
        ([1, 1, 1], 3),  # there is nothing smaller to try
    ],
)
def test_memory_failures_count_when_a_smaller_batch_fails(
    batches: list[int], failures: int
) -> None:
    # proves: G4
    replica = Replica("r", Device("cuda"), 1, ModelWorkerTotals("r", "m", "cuda:0"))
    for items in batches:
        replica.ran_out_of_memory(items)
    assert replica.memory_failures == failures
    replica.go_to_cpu()
    replica.ran_out_of_memory(64)
    assert replica.memory_failures == 1
