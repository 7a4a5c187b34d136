"""Further toy stages that misbehave."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import setting
from reelmill.errors import TransientError
from tests.engine.toys import Read, ShoutModel, ShoutStage, WordItem, Write


@dataclass(frozen=True)
class MoodyStage(ShoutStage):
    """`busy` fails transiently until it has failed alone once; `slow` takes time."""

    mood: Path = setting(Path(), affects_result=False)
    mark: str = ""

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        words = [item.text for item in batch]
        if "slow" in words:
            time.sleep(0.5)
        if "wrong" in words:
            raise ValueError("wrong word")
        if "busy" in words and self.mood.exists():
            if len(words) == 1:
                self.mood.unlink()
            raise TransientError("the network is busy")
        return [f"{model(item.text)}{self.mark}" for item in batch]


def moody_pipeline(out: Path, log: Path | None = None, mark: str = "", **changes: Any) -> Pipeline:
    shout = MoodyStage(ShoutModel(), log, mood=out.with_name("mood"), mark=mark, **changes)
    return Pipeline("moody", [Read(log), shout, Write(out)])
