"""A small run: originals in one folder, results in another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from reelmill.core.recording import read_state
from reelmill.evidence import OriginalRecord, Written, write_evidence


@dataclass
class Run:
    calls: Path
    out: Path

    def original(self, name: str, data: bytes = b"sound") -> OriginalRecord:
        path = self.calls / name
        if not path.exists():
            path.write_bytes(data)
        state = read_state(path)
        return OriginalRecord(path, state, 1.0, state, 2.0)

    def result(self, name: str, text: str = "text") -> Path:
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def finish(self, originals: list[str], results: list[str]) -> Written:
        return write_evidence(
            self.out,
            [self.original(name) for name in originals],
            [self.result(name) for name in results],
        )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    calls, out = tmp_path / "통화", tmp_path / "analysis-results"
    calls.mkdir()
    out.mkdir()
    return Run(calls, out)
