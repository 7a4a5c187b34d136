"""Acoustic measures and scores as the page of a recording shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reelmill.artifacts import Acoustics, CategoryScore, ScorePart, Scores, SpeakerAcoustics
from reelmill.core.printable import printable
from reelmill.pages.language import Wording, label_name
from reelmill.report.wording import percent

_Measure = Callable[[SpeakerAcoustics], str]


def _number(value: float | None, digits: int, unit: str) -> str:
    return "–" if value is None else f"{value:.{digits}f} {unit}".strip()


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"


def _rate(value: float | None, one: SpeakerAcoustics, say: Wording) -> str:
    if value is None or one.rate_unit is None:
        return "–"
    return f"{value:.1f} {say(f'review.unit.{one.rate_unit}')}"


def measures(acoustics: Acoustics, say: Wording) -> list[tuple[str, list[str]]]:
    """The name of each measure with a value for each speaker; measures nobody has are left out."""
    shown: dict[str, _Measure] = {
        "seconds": lambda one: f"{one.seconds:.1f} s",
        "level": lambda one: _number(one.level, 1, "dBFS"),
        "loudness": lambda one: _number(one.loudness, 1, "LUFS"),
        "snr": lambda one: _number(one.snr, 1, "dB"),
        "f0": lambda one: _number(one.f0, 0, "Hz"),
        "f0_range": lambda one: _range(one.f0_low, one.f0_high),
        "speech_rate": lambda one: _rate(one.speech_rate, one, say),
        "articulation_rate": lambda one: _rate(one.articulation_rate, one, say),
        "pauses": lambda one: f"{one.pauses} ({one.pause_seconds:.1f} s)",
        "jitter": lambda one: _share(one.jitter),
        "shimmer": lambda one: _share(one.shimmer),
        "hnr": lambda one: _number(one.hnr, 1, "dB"),
    }
    rows = [
        (say(f"review.measure.{name}"), [of(one) for one in acoustics.speakers])
        for name, of in shown.items()
    ]
    return [(name, values) for name, values in rows if any(value != "–" for value in values)]


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.0f}–{high:.0f} Hz"


@dataclass(frozen=True)
class ShownPart:
    """A finding that counts towards a score: where it is, what it counts, why it counts less."""

    start: float
    name: str
    text: str
    points: str
    lowered: list[str]


@dataclass(frozen=True)
class ShownScore:
    """A score of the whole recording. `value` is a dash where there is none, and `why` says why."""

    name: str
    value: str
    why: str
    formula: str
    weight: str
    parts: list[ShownPart]


def shown_scores(scores: Scores, say: Wording) -> list[ShownScore]:
    """The overall score, then each category's with the findings it is made of."""
    whole = scores.recording
    overall = ShownScore(
        say("review.overall"),
        _score(whole.overall),
        say.sentence(whole.why_none),
        whole.formula,
        "",
        [],
    )
    return [overall, *(_category(one, say) for one in whole.categories)]


def _category(one: CategoryScore, say: Wording) -> ShownScore:
    return ShownScore(
        label_name(one.category, say),
        _score(one.score),
        say.sentence(one.why_none),
        one.formula,
        f"{one.weight:g}",
        [_part(part, say) for part in one.parts],
    )


def _part(part: ScorePart, say: Wording) -> ShownPart:
    lowered = [
        say(
            "review.lowered",
            why=say(f"review.doubt.{one.by}"),
            measured=f"{one.measured:.1f} dB" if one.by == "noise" else percent(one.measured),
            factor=f"{one.factor:.2f}",
        )
        for one in part.lowered
    ]
    return ShownPart(
        part.start,
        label_name(part.label, say),
        printable(say.sentence(part.text)),
        say("review.points", points=f"{part.points:.1f}", full=f"{part.full_points:g}"),
        lowered,
    )


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def speaker_names(acoustics: Acoustics, say: Wording) -> Sequence[str]:
    """The heads of the table of measures."""
    return [printable(one.speaker or say("review.everybody")) for one in acoustics.speakers]
