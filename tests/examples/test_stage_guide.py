"""The code in docs/write-a-stage.md makes a correct stage without changes."""

from __future__ import annotations

import re
import sys
import types
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelmill.artifacts import Audio, Findings, Speech
from reelmill.artifacts.speech import Span
from reelmill.core.recording import FileState, Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.testing import check_stage, context_of

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "examples" / "reelmill-sounds" / "sounds.onnx"


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module that the guide's blocks make when they are copied one below the other."""
    text = (ROOT / "docs" / "write-a-stage.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    module = types.ModuleType("guide")
    monkeypatch.setitem(sys.modules, "guide", module)
    code = "\n\n".join(block for block in blocks if "def test_" not in block)
    exec(compile(code, "docs/write-a-stage.md", "exec"), module.__dict__)
    return module


def test_the_stage_of_the_guide_labels_speech(guide: Any, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("ab" * 32, "", 1, 1))
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(64_000) / 16_000)
    (tmp_path / "a.pcm").write_bytes((tone * 32767).astype("<i2").tobytes())
    speech = Speech([Span(0.0, 2.0), Span(2.5, 4.0)], 4.0)
    stage = guide.LabelSounds.from_options(guide.Options(MODEL))
    sounds = check_stage(stage, recording, Inputs([Audio("a.pcm", 16_000, 64_000, 0), speech]))
    assert isinstance(sounds, Findings)
    found = [(one.label, one.start, one.end) for one in sounds.findings]
    assert found == [("tone", 0.0, 2.0), ("tone", 2.5, 4.0)]


def test_the_stage_of_the_guide_without_a_model_finds_pauses(guide: Any, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("ab" * 32, "", 1, 1))
    speech = Speech([Span(0.0, 2.0), Span(2.5, 4.0), Span(7.0, 8.0)], 9.0)
    pauses = check_stage(guide.CountPauses(), recording, Inputs([speech]))
    assert isinstance(pauses, Findings)
    assert [(one.start, one.end) for one in pauses.findings] == [(4.0, 7.0)]


def test_the_example_of_the_guide_for_originals_reads_all_channels(
    guide: Any, tmp_path: Path
) -> None:
    left, right = np.full(800, 100, np.int16), np.full(800, -9000, np.int16)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 800, "NONE", ""))
        file.writeframes(np.stack([left, right], 1).tobytes())
    recording = Recording(path, "a", tmp_path, read_state(path))
    assert guide.peak_of_channels(context_of(recording, guide.CountPauses())) == 9000
