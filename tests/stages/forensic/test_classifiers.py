"""Optional classifiers of speech and text as stages; each is one file, as in another package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reelmill.artifacts import Speech
from reelmill.artifacts.speech import Span
from reelmill.engine.stage import Inputs
from reelmill.pipelines.registry import added_stages
from reelmill.stages.forensic.classify_emotion import ClassifyEmotion, Emotions
from reelmill.stages.forensic.classify_emotion import Options as EmotionOptions
from reelmill.stages.forensic.classify_text import ClassifyText, TextClasses
from reelmill.stages.forensic.classify_text import Options as TextOptions
from reelmill.testing import check_stage
from tests.models.classifiers.folders import sound_model, text_model
from tests.stages.forensic.sounds import diarized, recorded, spoken, turns, voice


# proves: V8 G23
def test_each_stretch_of_speech_is_classified_with_its_speaker(tmp_path: Path) -> None:
    sound = np.concatenate([voice(120, 3, -10.0), voice(220, 10, -40.0), voice(120, 0.5, -10.0)])
    recording, audio = recorded(tmp_path, sound)
    given = turns((0.0, 3.0, "A"), (3.0, 13.0, "B"), (13.0, 13.5, "A"))
    inputs = Inputs([audio, Speech([Span(0.0, 13.5)], 13.5), diarized(*given, duration=13.5)])
    options = EmotionOptions(str(sound_model(tmp_path / "model")))
    made = check_stage(ClassifyEmotion.from_options(options), recording, inputs)
    assert isinstance(made, Emotions)
    # What is shorter than a second is not asked about; ten seconds are two stretches.
    assert [(one.label, one.start, one.end, one.speaker) for one in made.findings] == [
        ("loud", 0.0, 3.0, "A"),
        ("quiet", 3.0, 8.0, "B"),
        ("quiet", 8.0, 13.0, "B"),
    ]
    assert {one.severity for one in made.findings} == {"info"}
    assert made.made_with.startswith(str(tmp_path / "model"))


# proves: V8 G23
def test_each_segment_is_classified_with_its_speaker_and_text(tmp_path: Path) -> None:
    recording, _ = recorded(tmp_path, voice(120, 1))
    said = [(0.0, 1.0, "hello", "A"), (2.0, 3.0, " ", "A"), (4.0, 5.0, "you pay pay", "B")]
    said += [(6.0, 7.0, "something", "A"), (8.0, 9.0, "hello " * 20, "B")]
    model = text_model(tmp_path / "model", max_position_embeddings=16)
    stage = ClassifyText.from_options(TextOptions(str(model), threshold=0.6))
    made = check_stage(stage, recording, Inputs([spoken(said, 10.0)]))
    assert isinstance(made, TextClasses)
    assert [(one.label, one.start, one.speaker, one.severity) for one in made.findings] == [
        ("greeting", 0.0, "A", "info"),
        ("demand", 4.0, "B", "info"),
        ("greeting", 8.0, "B", "info"),
        ("text cut", 8.0, "B", "warning"),
    ]


def test_they_are_added_as_a_strangers_stage_is(tmp_path: Path) -> None:
    options = [
        f"emotion.model={sound_model(tmp_path / 'sound')}",
        f"text_classes.model={text_model(tmp_path / 'text')}",
        "text_classes.threshold=0.7",
    ]
    emotion, text = added_stages(["emotion", "text_classes"], options, "voice")
    assert isinstance(emotion, ClassifyEmotion) and emotion.threshold == 0.5
    assert isinstance(text, ClassifyText) and text.threshold == 0.7
