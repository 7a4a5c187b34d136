"""ScoreFindings: compute scores from 0 to 100 that list the findings they consist of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from reelmill.artifacts import (
    Acoustics,
    Artifact,
    CategoryScore,
    Diarization,
    Lowered,
    PatternMatches,
    ScorePart,
    Scores,
    SpeakerScores,
    SpokenTranscript,
    Transcript,
)
from reelmill.artifacts.scores import Doubt
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, optional
from reelmill.stages.forensic.score_weights import CategoryWeight, Lowering, ScoreWeights
from reelmill.stages.transcript.layers import Layers, corrected_inputs

#: The category of findings in the voice, not in the words.
VOICE = "voice"
_MOST = 100.0


@dataclass(frozen=True)
class _Found:
    """A part, with its category."""

    category: str
    part: ScorePart


@dataclass(frozen=True)
class _Missing:
    """Why a kind of finding cannot be scored; empty where it can."""

    patterns: str
    voice: str


@dataclass(frozen=True)
class ScoreFindings(FileStage):
    """Counts the findings of the forensic stages, for the recording and for each speaker.

    `weights` are in the key of the result: other weights make other scores. `absent` says in plain
    words which optional models the run does not have; nothing replaces them.
    """

    name: ClassVar[str] = "scores"
    version: ClassVar[int] = 2
    display_name = "Scoring findings"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Transcript, optional(PatternMatches), optional(Acoustics), optional(Diarization))
    produces: ClassVar[type[Artifact]] = Scores
    corrected: ClassVar[bool] = True

    weights: ScoreWeights
    absent: tuple[str, ...] = ()
    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def own_key(self, recording: Recording) -> str:
        return self.layers.key(recording.name)

    def run(self, context: StageContext, inputs: Inputs) -> Scores:
        transcript = corrected_inputs(context.recording, inputs, self.layers).labelled
        missing = _missing(inputs)
        found = [*self._patterns(inputs), *self._episodes(inputs)]
        seconds: dict[str | None, float] = {None: transcript.speech_seconds}
        if isinstance(transcript, SpokenTranscript):
            seconds |= {one.speaker: one.seconds for one in transcript.speakers}
        scores = {
            speaker: self._scores(
                speaker,
                duration,
                [one for one in found if speaker in (None, one.part.speaker)],
                missing,
            )
            for speaker, duration in seconds.items()
        }
        notes = [line for line in (missing.patterns, missing.voice) if line]
        notes += self.absent
        return Scores(self.weights.name, scores.pop(None), list(scores.values()), notes)

    def _patterns(self, inputs: Inputs) -> Iterable[_Found]:
        matches = inputs.get(PatternMatches)
        for match in matches.matches if matches is not None else []:
            if match.counts:
                points = self.weights.of(match.category).points
                part = ScorePart(
                    PatternMatches.source,
                    match.pattern,
                    match.start,
                    match.end,
                    match.speaker,
                    match.quote,
                    points,
                    points,
                )
                yield _Found(match.category, self._lowered(part, match.probability, inputs))

    def _episodes(self, inputs: Inputs) -> Iterable[_Found]:
        acoustics = inputs.get(Acoustics)
        weight = self.weights.of(VOICE)
        for one in acoustics.episodes if acoustics is not None else []:
            if weight.least_z is None or one.z >= weight.least_z:
                part = ScorePart(
                    Acoustics.source,
                    one.kind,
                    one.start,
                    one.end,
                    one.speaker,
                    f"{one.value:g}, usually {one.baseline:g} (z {one.z:g})",
                    weight.points,
                    weight.points,
                )
                yield _Found(VOICE, self._lowered(part, None, inputs))

    def _lowered(self, part: ScorePart, probability: float | None, inputs: Inputs) -> ScorePart:
        """The part with fewer points where its finding is doubtful."""
        doubts: list[tuple[Doubt, float | None, Lowering]] = [
            ("word probability", probability, self.weights.word_probability),
            ("overlap", _overlap(part, inputs.get(Diarization)), self.weights.overlap),
            ("noise", _above_noise(part, inputs.get(Acoustics)), self.weights.noise),
        ]
        for name, measured, lowering in doubts:
            factor = 1.0 if measured is None else lowering.of(measured)
            if measured is not None and factor < 1:
                part.lowered.append(Lowered(name, round(measured, 3), round(factor, 3)))
                part.points *= factor
        part.points = round(part.points, 2)
        return part

    def _scores(
        self, speaker: str | None, seconds: float, found: Sequence[_Found], missing: _Missing
    ) -> SpeakerScores:
        too_little = (
            f"{seconds:.1f} s of speech, less than {self.weights.least_speech:g} s"
            if seconds < self.weights.least_speech
            else ""
        )
        names = dict.fromkeys(
            [name for name, _ in self.weights.categories] + [one.category for one in found]
        )
        categories = [
            _category_score(
                name,
                self.weights.of(name),
                [one.part for one in found if one.category == name],
                seconds,
                too_little or (missing.voice if name == VOICE else missing.patterns),
            )
            for name in names
        ]
        # The voice alone says too little: 0 overall would read as if the words had been searched.
        why = too_little or missing.patterns
        overall, formula = (None, "") if why else _overall(categories)
        why = "" if overall is not None else why or "no category could be scored"
        return SpeakerScores(speaker, round(seconds, 3), overall, why, formula, categories)


def _category_score(
    name: str, weight: CategoryWeight, parts: list[ScorePart], seconds: float, why_none: str
) -> CategoryScore:
    if why_none:
        return CategoryScore(name, None, why_none, "", weight.weight, parts)
    points = sum(part.points for part in parts)
    formula = " + ".join(f"{part.points:g}" for part in parts) or "0"
    if weight.per_minutes is not None and seconds > 60 * weight.per_minutes:
        share = 60 * weight.per_minutes / seconds
        formula = f"{share:.3f} x ({formula})"
        points *= share
    score = round(min(_MOST, points), 1)
    return CategoryScore(name, score, "", f"min(100, {formula}) = {score:g}", weight.weight, parts)


def _overall(categories: Sequence[CategoryScore]) -> tuple[float | None, str]:
    """The overall score with its formula; none where no category has one."""
    known = [(one, one.score) for one in categories if one.score is not None]
    if not known:
        return None, ""
    overall = round(min(_MOST, sum(one.weight * score for one, score in known)), 1)
    terms = [f"{one.weight:g} x {score:g} ({one.category})" for one, score in known if score]
    return overall, f"min(100, {' + '.join(terms) or '0'}) = {overall:g}"


def _missing(inputs: Inputs) -> _Missing:
    """The reasons for what was not searched, which is not the same as finding nothing."""
    matches, acoustics, transcript = (
        inputs.get(PatternMatches),
        inputs.get(Acoustics),
        inputs[Transcript],
    )
    spoken = {transcript.language_of(segment) for segment in transcript.segments}
    patterns = voice = ""
    if matches is None:
        patterns = "patterns of language were not searched"
    elif not spoken:
        patterns = "no text was recognized"
    elif not spoken & set(matches.searched):
        patterns = f"no patterns were searched in {', '.join(sorted(spoken))}"
    if acoustics is None:
        voice = "voices were not measured"
    return _Missing(patterns, voice)


def _overlap(part: ScorePart, diarization: Diarization | None) -> float | None:
    """The share of a part's time in which somebody else talks; None if unknown."""
    if diarization is None or part.speaker is None or part.end <= part.start:
        return None
    others = sorted(
        (max(turn.start, part.start), min(turn.end, part.end))
        for turn in diarization.turns
        if turn.speaker != part.speaker and turn.start < part.end and turn.end > part.start
    )
    covered, at = 0.0, part.start
    for start, end in others:
        covered += max(0.0, end - max(start, at))
        at = max(at, end)
    return covered / (part.end - part.start)


def _above_noise(part: ScorePart, acoustics: Acoustics | None) -> float | None:
    """By how many dB the quietest utterance of a part is louder than the noise."""
    if acoustics is None:
        return None
    near = [
        one.snr
        for one in acoustics.utterances
        if one.speaker == part.speaker
        and one.start < part.end
        and one.end > part.start
        and one.snr is not None
    ]
    if near:
        return min(near)
    speaker = acoustics.of(part.speaker)
    return None if speaker is None else speaker.snr
