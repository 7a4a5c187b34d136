"""What is planned for models, as a run tells it."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.execution.planner import Planner
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import Monitor
from reelmill.engine.stage import Device
from tests.engine.toys import NoDevices, ShoutModel, toy_config
from tests.engine.two_models import NotedModel


class OnCpu(ShoutModel):
    def unsupported_reason(self, device_kind: str) -> str:
        return "it only runs on the CPU" if device_kind == "cuda" else ""


def test_a_model_with_nothing_to_load_is_not_counted_and_not_told(tmp_path: Path) -> None:
    planner = Planner(toy_config(tmp_path), Monitor(NoDevices(), dict), ModelProfiles(None))
    one, two = (NotedModel(name, tmp_path / "log", need_mb=5.0) for name in ("one", "two"))
    nothing = OnCpu(empty=True)
    reason = planner.plan([one, nothing, two], "auto").reason
    assert reason.startswith("models: one (5 MB, estimated), two (5 MB, estimated); together 10 MB")
    assert planner.plan([one, nothing], "auto").reason == ""
    planner.use((Device("cuda"),))
    assert planner.left_on_cpu([OnCpu()]) == ["on the CPU: shouter; it only runs on the CPU"]
    assert planner.left_on_cpu([OnCpu(empty=True)]) == []
