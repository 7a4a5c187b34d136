"""An embedding of the voice in each stretch of speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reelmill.artifacts import Audio, Span, SpeakerActivity, Voices
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs
from reelmill.models.speakers.files import encoder_spec
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.testing import context_of

STAGE = EmbedSpeakers(encoder_spec("default"), together=3)


# proves: V5
def test_each_stretch_has_the_embedding_of_its_own_sound(tmp_path: Path) -> None:
    """Seven stretches, of two voices in turn; three of them at a time go to the network."""
    time = np.arange(14 * 16_000) / 16_000
    pitch = np.where(time // 2 % 2 == 0, 110, 230)
    phase = np.cumsum(2 * np.pi * pitch / 16_000)
    sound = sum(np.sin(k * phase) / k for k in range(1, 20)) * 3000
    sound.astype("<i2").tofile(tmp_path / "audio.raw")
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("a" * 64, "b" * 32, 1, 1))
    stretches = [Span(2.0 * i, 2.0 * i + 1.9) for i in range(7)]
    inputs = Inputs(
        [
            Audio("audio.raw", 16_000, len(sound), 0),
            SpeakerActivity("m", 14.0, speech=stretches, overlaps=[], changes=[]),
        ]
    )
    items = list(STAGE.split(context_of(recording), inputs))
    assert [len(item.features) for item in items] == [3, 3, 1]
    voices = run_alone(STAGE, recording, inputs, Device("cpu"))
    assert isinstance(voices, Voices)
    vectors = voices.embeddings()
    alike = vectors @ vectors.T
    same = np.equal.outer(np.arange(7) % 2, np.arange(7) % 2)
    assert voices.stretches == stretches and vectors.shape == (7, 192)
    assert alike[same].min() > 0.95 and alike[~same].max() < 0.9
