"""The findings of a recording as its page shows them, in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reelmill.artifacts import Finding, Findings, PatternMatch, PatternMatches, Transcript
from reelmill.core.printable import printable
from reelmill.pages.language import Wording, label_name


@dataclass(frozen=True)
class ShownFinding:
    """A finding on the page. `kind` decides its colour: `found` by a stage that looks for it, else
    its severity. One that does not `count` is shown paler."""

    label: str
    name: str
    kind: str
    start: float | None
    end: float | None
    speaker: str
    quote: str
    why: str
    score: float | None = None
    marks: tuple[str, ...] = ()
    counts: bool = True


def shown_findings(
    transcript: Transcript,
    found: Sequence[Findings],
    wording: Wording,
    *,
    is_corrected: bool = False,
) -> list[ShownFinding]:
    """Those of the recording (damage, guesses), and those of stages. Where people corrected the
    text (`is_corrected`), findings that are about the machine's are marked."""
    shown = [_shown(one, one.severity, wording) for one in transcript.findings]
    for stage in found:
        more = _of_stage(stage, wording)
        if is_corrected and stage.of_machine_text:
            mark = wording("review.of_machine")
            more = (replace(one, marks=(*one.marks, mark)) for one in more)
        shown += more
    return sorted(shown, key=lambda one: -1.0 if one.start is None else one.start)


def counted(findings: Sequence[ShownFinding]) -> list[tuple[str, str, int]]:
    """Label, name and number of findings, the most frequent first."""
    counts = Counter((one.label, one.name) for one in findings)
    return [(label, name, count) for (label, name), count in counts.most_common()]


def _of_stage(found: Findings, wording: Wording) -> Iterator[ShownFinding]:
    known: set[tuple[str, float | None]] = set()
    if isinstance(found, PatternMatches):
        yield from (_match(one, wording) for one in found.matches)
        known = {(one.category, one.start) for one in found.matches}
    for one in found.findings:
        if (one.label, one.start) in known:
            continue
        yield _shown(one, one.severity if one.severity != "info" else "found", wording)


def _sound(match: PatternMatch) -> list[str]:
    return ["by_reading"] if match.by_reading else []


def _match(match: PatternMatch, wording: Wording) -> ShownFinding:
    about = "; ".join([wording("review.pattern", id=match.pattern), *match.slots])
    return ShownFinding(
        label=match.category,
        name=label_name(match.category, wording),
        kind="found",
        start=match.start,
        end=max(match.start, match.end),
        speaker=printable(match.speaker or ""),
        quote=printable(match.quote),
        why=printable(f"{wording.reason(match.why)} ({about})"),
        score=match.probability,
        marks=tuple(wording(f"review.{mark}") for mark in (*match.marks, *_sound(match))),
        counts=match.counts,
    )


def _shown(finding: Finding, kind: str, wording: Wording) -> ShownFinding:
    start = finding.start
    return ShownFinding(
        label=finding.label,
        name=label_name(finding.label, wording),
        kind=kind,
        start=start,
        end=start if finding.end is None else max(finding.end, start or 0.0),
        speaker=printable(finding.speaker or ""),
        quote="",
        why=printable(wording.sentence(finding.text)),
        score=finding.score,
    )
