"""Settings of `reelmill voice`: recognition, words and speakers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from reelmill.settings.base import BaseFields, CommaSeparated, OneOrMany


class VoiceFields(BaseFields):
    """`reelmill subtitle` uses the settings of recognition too."""

    model: str | None = Field(
        None, description="size, hub name, local folder or `demo`; default: by free memory"
    )
    language: str | None = Field(None, description="language spoken; default: detected")
    max_duration: float | None = Field(
        None, gt=0, description="longest recording, in seconds; longer ones fail; default: no limit"
    )
    translate: bool = Field(
        False, description="the recognizer writes English, whatever language is spoken"
    )
    beam_size: int = Field(5, ge=1, description="hypotheses kept while decoding")
    speech_threshold: float = Field(
        0.5, ge=0, le=1, description="probability from which sound counts as speech"
    )
    speech_silence_ms: int = Field(
        160, ge=0, le=10_000, description="silence that ends a stretch of speech, in milliseconds"
    )
    speech_padding_ms: int = Field(
        400, ge=0, le=2000, description="sound kept around speech, in milliseconds"
    )
    temperature: float = Field(
        0.0,
        ge=0,
        le=1,
        description="above 0, text is drawn at random, the same each time for the same sound; "
        "0: the likeliest text",
    )
    second_opinion: bool = Field(
        False, description="hear again what is not quite sure, with the text around it"
    )
    initial_prompt: str | None = Field(
        None, description="text given to the recognizer as what came before: names, spelling"
    )
    hotwords: str | None = Field(None, description="words the recognizer should expect")
    align: bool = Field(True, description="time every word")
    aligner: str | None = Field(
        None,
        description="hub name, local folder, `demo`, or `none` for Whisper's own word times; "
        "default: by language",
    )
    engine: Literal["default", "whisperx"] = Field(
        "default", description="recognizer and aligner: default, or whisperx for both"
    )
    python: Path | None = Field(
        None,
        description="virtual environment with WhisperX, pyannote.audio or transformers: its folder "
        "or interpreter; default: this one",
    )
    formats: CommaSeparated = Field(
        ("json", "txt", "srt", "vtt", "tsv"), description="files written for each recording"
    )
    replacements: Path | None = Field(
        None, description="table of words to replace after recognition (CSV, TSV or TOML)"
    )
    case: Path | None = Field(
        None, description="TOML file with what records say of the case: number, speakers, excerpts"
    )
    inaudible: bool = Field(
        False, description="write [inaudible] for speech that could not be understood"
    )
    events: bool = Field(
        False, description="write [laughter], [music] and other sounds that are no words"
    )
    words: bool = Field(False, description="highlight each word in WebVTT captions as it is said")
    diarizer: Literal["default", "pyannote", "none"] = Field(
        "default", description="who speaks when: default (no token, no PyTorch), pyannote or none"
    )
    pyannote_model: str = Field(
        "pyannote/speaker-diarization-community-1",
        description="pipeline of pyannote.audio: hub name (needs HF_TOKEN), folder, config file",
    )
    speakers: int | None = Field(
        None, ge=1, le=100, description="number of speakers; default: detected"
    )
    min_speakers: int = Field(1, ge=1, le=100, description="minimum number of speakers")
    max_speakers: int = Field(10, ge=1, le=100, description="maximum number of speakers")
    speaker_segmentation: str = Field(
        "default", description="segmentation network: hub name or .onnx file; default: shipped"
    )
    speaker_encoder: str = Field(
        "default", description="speaker encoder: hub name or .onnx file; default: shipped"
    )
    names: OneOrMany = Field(
        (), description="names of speakers, e.g. A=Kim; remembered for the output folder"
    )

    @model_validator(mode="after")
    def _speakers_fit(self) -> VoiceFields:
        """Reject a number of speakers outside the limits, but only where the limit was given:
        `--speakers 12` alone is valid although the default maximum is 10."""
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
                    f"--speakers {self.speakers} is {word} than {option} {limit}: omit {option} "
                    "if you know the number, or --speakers if you do not"
                )
        return self
