"""Acoustic findings in words. All have severity `info`, because a measure is not an alarm."""

from __future__ import annotations

from reelmill.artifacts import Acoustics, Change, Episode, Finding
from reelmill.artifacts.acoustics import Measure

#: Labels of an utterance below and above the baseline, the unit, and the number of digits.
_WORDS: dict[Measure, tuple[str, str, str, int]] = {
    "level": ("unusually quiet", "unusually loud", "dBFS", 1),
    "f0": ("unusually low voice", "unusually high voice", "Hz", 0),
    "rate": ("unusually slow", "unusually fast", "a second", 1),
}


def acoustic_findings(acoustics: Acoustics) -> list[Finding]:
    """Episodes and changes in order of time, then what was not measured.

    Also adds missing measures of these speakers to `acoustics.unmeasured`.
    """
    _note_what_is_missing(acoustics)
    found = [*map(_of_episode, acoustics.episodes), *map(_of_change, acoustics.changes)]
    found.sort(key=lambda one: (one.start or 0.0, one.end or 0.0))
    return [*found, *(Finding("not measured", text=line) for line in acoustics.unmeasured)]


def _of_episode(one: Episode) -> Finding:
    if one.kind == "louder":
        text = (
            f"{one.value:.1f} LUFS; usually {one.baseline:.1f} ({one.value - one.baseline:+.1f} dB"
        )
    else:
        share = 100 * (one.value / one.baseline - 1)
        text = f"median pitch {one.value:.0f} Hz; usually {one.baseline:.0f} ({share:+.0f} %"
    text += f", z {one.z:.1f})"
    label = "louder for a while" if one.kind == "louder" else "higher voice for a while"
    return Finding(label, one.start, one.end, speaker=one.speaker, text=text)


def _of_change(one: Change) -> Finding:
    below, above, unit, digits = _WORDS[one.measure]
    return Finding(
        above if one.z > 0 else below,
        one.start,
        one.end,
        speaker=one.speaker,
        text=f"{one.value:.{digits}f} {unit}; usually {one.baseline:.{digits}f} (z {one.z:.1f})",
    )


def _note_what_is_missing(acoustics: Acoustics) -> None:
    for one in acoustics.speakers:
        whose = "" if one.speaker is None else f"{one.speaker}: "
        missing = [
            name
            for name, value in (
                ("loudness", one.loudness),
                ("rate of speech (no word times)", one.articulation_rate),
                ("pitch", one.f0),
                ("voice quality", one.jitter),
            )
            if value is None
        ]
        if missing:
            acoustics.unmeasured.append(
                f"{whose}{', '.join(missing)} could not be measured in "
                f"{one.seconds:.1f} s of speech"
            )
