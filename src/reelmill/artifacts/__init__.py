"""The typed results of stages, and their JSON form."""

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.exports import ExportedFile, Exports
from reelmill.artifacts.media import Audio, AudioTrack, Media, VideoTrack
from reelmill.artifacts.speech import (
    AlignedTranscript,
    Diarization,
    Language,
    Segment,
    Span,
    SpeakerTotals,
    Speech,
    SpokenTranscript,
    Transcript,
    Turn,
    Word,
    WordTiming,
)
from reelmill.artifacts.subtitles import (
    Sentence,
    Sentences,
    TranslatedSentence,
    Translations,
    TranslationStatus,
)

__all__ = [
    "AlignedTranscript",
    "Artifact",
    "Audio",
    "AudioTrack",
    "Diarization",
    "ExportedFile",
    "Exports",
    "Language",
    "Media",
    "Segment",
    "Sentence",
    "Sentences",
    "Span",
    "SpeakerTotals",
    "Speech",
    "SpokenTranscript",
    "Transcript",
    "TranslatedSentence",
    "TranslationStatus",
    "Translations",
    "Turn",
    "VideoTrack",
    "Word",
    "WordTiming",
]
