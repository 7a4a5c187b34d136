"""Settings of recognition, of words and of speakers: those of `reelmill voice`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from reelmill.settings.base import BaseFields, CommaSeparated, OneOrMany


class VoiceFields(BaseFields):
    """`reelmill subtitle` recognizes with the first of these too."""

    model: str | None = Field(
        None, description="size, hub name, local folder or `demo`; by free memory when not given"
    )
    language: str | None = Field(None, description="detected per recording when not given")
    beam_size: int = Field(5, ge=1, description="hypotheses kept while decoding")
    initial_prompt: str | None = Field(
        None, description="text the recognizer is told came before: names, spelling, style"
    )
    hotwords: str | None = Field(None, description="words the recognizer should expect")
    align: bool = Field(True, description="times for every word")
    aligner: str | None = Field(
        None,
        description="hub name, local folder, `demo`, or `none` for Whisper's own word times; by "
        "language when not given",
    )
    engine: Literal["default", "whisperx"] = Field(
        "default", description="what recognizes and aligns: default, or whisperx as a whole"
    )
    python: Path | None = Field(
        None,
        description="interpreter or folder of the virtual environment that has WhisperX or "
        "pyannote.audio; this one's when not given",
    )
    formats: CommaSeparated = Field(
        ("json", "txt", "srt", "vtt", "tsv"), description="files written for each recording"
    )
    words: bool = Field(False, description="WebVTT captions whose words light up as they are said")
    diarizer: Literal["default", "pyannote", "none"] = Field(
        "default", description="who speaks when: default (no token, no PyTorch), pyannote or none"
    )
    pyannote_model: str = Field(
        "pyannote/speaker-diarization-community-1",
        description="pipeline of pyannote.audio: hub name (needs HF_TOKEN), folder, config file",
    )
    speakers: int | None = Field(
        None, ge=1, le=100, description="how many people speak; found when not given"
    )
    min_speakers: int = Field(1, ge=1, le=100, description="at least so many people speak")
    max_speakers: int = Field(10, ge=1, le=100, description="at most so many people speak")
    speaker_segmentation: str = Field(
        "default", description="another segmentation network: hub name or .onnx file"
    )
    speaker_encoder: str = Field(
        "default", description="another speaker encoder: hub name or .onnx file"
    )
    names: OneOrMany = Field(
        (), description="names of speakers, as A=Kim; kept for the output folder"
    )

    @model_validator(mode="after")
    def _speakers_fit(self) -> VoiceFields:
        """A number found by counting beside the limits for counting is a contradiction only where
        somebody gave the limit: `--speakers 12` alone is more than 10, and right."""
        least, most, given = self.min_speakers, self.max_speakers, self.model_fields_set
        if least > most:
            default = "" if "max_speakers" in given else " (the default)"
            raise ValueError(
                f"--min-speakers {least} is more than --max-speakers {most}{default}: give "
                f"--max-speakers {least} or more, or a lower --min-speakers"
            )
        if self.speakers is None:
            return self
        for name, limit, word, beyond in (
            ("min_speakers", least, "less", self.speakers < least),
            ("max_speakers", most, "more", self.speakers > most),
        ):
            if name in given and beyond:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"--speakers {self.speakers} is {word} than {option} {limit}: leave {option} "
                    "away where the number is known, or --speakers where it is not"
                )
        return self
