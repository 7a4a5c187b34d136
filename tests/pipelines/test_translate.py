"""`--translate`: which models can, and what it makes of a pipeline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.stage import Device
from reelmill.errors import UsageError
from reelmill.models.files.cache import resolve
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.voice_builder import build_voice, recognizer_spec, voice_settings
from reelmill.stages.speech.recognize import Recognize

GIVEN = {"model": "demo", "translate": True, "diarizer": "none", "pages": False}


def test_translate__with_a_distilled_model__is_refused():
    # proves: V3
    with pytest.raises(UsageError, match=r"model demo cannot translate.*give --model tiny"):
        recognizer_spec(resolve("demo"), voice_settings(GIVEN))


def test_translate__with_whisperx__is_refused():
    with pytest.raises(UsageError, match="--translate needs the default engine"):
        voice_settings({**GIVEN, "engine": "whisperx"})


def test_translate__the_recognizer_writes_english_and_nothing_times_its_words(
    tmp_path, monkeypatch
):
    # proves: V3
    monkeypatch.setattr(WhisperSpec, "why_not_translating", None)
    settings = voice_settings({**GIVEN, "out": tmp_path})
    choice = DeviceChoice((Device("cpu"),), "asked for")
    stages = build_voice(BuildContext(settings, choice, tmp_path)).stages
    recognize = next(one for one in stages if isinstance(one, Recognize))
    assert recognize.options.task == "translate"
    assert recognize.cut_at_pauses
    assert not {"align", "whisper-times"} & {one.name for one in stages}
    plain = replace(recognize, options=replace(recognize.options, task="transcribe"))
    assert plain.fingerprint() != recognize.fingerprint()
