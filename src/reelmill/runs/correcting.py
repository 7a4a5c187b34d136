"""A recording's corrections: what people ask for becomes edits of its layer, and its files are made
anew."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from reelmill.artifacts import Diarization, ExportedFile, Segment, SpeakerProfiles, Transcript, Turn
from reelmill.artifacts.corrections import CorrectionLayer, Edit, corrected
from reelmill.artifacts.edited_words import differing, find_words, joined, letters, spaced
from reelmill.artifacts.replaced import marked
from reelmill.core import gate
from reelmill.core.atomic import write_bytes
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.recording import read_state
from reelmill.engine.stage import Stage
from reelmill.errors import InputError, UsageError
from reelmill.evidence.paths import Folder
from reelmill.export.names import named, names_for
from reelmill.export.transcript.marks import with_marks
from reelmill.export.transcript.reading import changes, read_rows
from reelmill.report.wording import clock
from reelmill.runs.case_folder import CaseFolder
from reelmill.runs.remake import Finished, remake
from reelmill.stages.transcript.export import found_names
from reelmill.stages.transcript.layers import (
    layer_data,
    layer_path,
    parse_layer,
    read_layer,
)

#: Times in exports are rounded.
_EPSILON_S = 0.05
#: Among so many segments next to a time words are looked for.
_NEAREST = 3


@dataclass(frozen=True)
class Desk:
    """A recording with its corrections so far. `by` is who corrects."""

    finished: Finished
    layer: CorrectionLayer
    by: str

    @property
    def stage(self) -> Stage:
        """A stage that wrote the text into files."""
        return (self.finished.made or self.finished.subtitles)[0].stage

    @property
    def machine(self) -> Transcript:
        """The transcript as the machine made it."""
        return marked(self.finished.inputs[Transcript])

    @property
    def turns(self) -> list[Turn]:
        diarization = self.finished.inputs.get(Diarization)
        return [] if diarization is None else diarization.turns

    @cached_property
    def now(self) -> Transcript:
        """The transcript as it is corrected."""
        return corrected(self.machine, self.layer, self.turns).transcript

    @cached_property
    def now_turns(self) -> list[Turn]:
        return corrected(self.machine, self.layer, self.turns).turns

    @cached_property
    def names(self) -> dict[str, str]:
        """What speakers are called in the files, by label."""
        profiles = self.finished.inputs.get(SpeakerProfiles)
        names = {} if profiles is None else found_names(profiles)
        given = getattr(self.stage, "names", ())
        return names | names_for(given, self.finished.recording.path.name)

    @property
    def unfit(self) -> list[Edit]:
        """The edits that no longer fit."""
        return corrected(self.machine, self.layer, self.turns).unfit

    def label(self, speaker: str) -> str:
        """The label of a speaker whom a person names; a new name is its own label."""
        return next((label for label, name in self.names.items() if name == speaker), speaker)

    # -- edits

    def words(self, start: float, end: float | None, was: str | None, text: str) -> Edit:
        """Other words in a segment.

        Raises:
            UsageError: nothing is said there, or not these words.
        """
        if was is not None:
            return self._words_said(start, end or start, was.strip(), text.strip())
        segment = self.segment_at(start)
        if end is None:
            return self._edit("words", segment.start, segment.end, segment.text.strip(), text)
        inside = [one for one in segment.words if start <= (one.start + one.end) / 2 <= end]
        if not inside:
            raise UsageError(f"no word is said from {clock(start)} to {clock(end)}")
        was = joined([one.text for one in inside], spaced(self.now.language_of(segment)))
        return self._edit("words", inside[0].start, inside[-1].end, was, text.strip())

    def _words_said(self, start: float, end: float, was: str, text: str) -> Edit:
        """Other words in the place of those that are said nearest to a time."""
        near = sorted(self.now.segments, key=lambda one: max(one.start - end, start - one.end, 0.0))
        for segment in near[:_NEAREST]:
            found = find_words(segment, start, end, was)
            if found is None:
                continue
            words = segment.words[found[0] : found[1]]
            if words:
                start, end = words[0].start, words[-1].end
            return self._edit("words", start, end, was, text)
        elsewhere = [one for one in near[_NEAREST:] if find_words(one, one.start, one.end, was)]
        if elsewhere:
            times = ", ".join(clock(one.start) for one in elsewhere[:_NEAREST])
            raise UsageError(f"“{was}” is not said at {clock(start)}, but at {times}")
        there = f": “{near[0].text.strip()}” is" if near else ""
        raise UsageError(f"“{was}” is not said at {clock(start)} or elsewhere{there}")

    def rewritten(self, start: float, end: float, was: str, now: str) -> Edit:
        """Another text of a whole segment: an edit of those of its words that differ.

        Args:
            start, end: when the segment is said, in seconds.
            was: its text, as it was seen by whoever changes it.
            now: the new text; may be empty.

        Raises:
            UsageError: no segment there has that text.
        """
        near = sorted(self.now.segments, key=lambda one: abs(one.start - start))
        same = (one for one in near[:_NEAREST] if letters(one.text) == letters(was))
        segment = next(same, None)
        if segment is None:
            raise UsageError(f"{clock(start)}: the text is no longer “{was}”")
        has_spaces = spaced(self.now.language_of(segment))
        words = [word.text.strip() for word in segment.words]
        if letters("".join(words)) != letters(segment.text):
            return self._edit("words", segment.start, segment.end, segment.text.strip(), now)
        first, stop, new = differing(words, now.strip(), has_spaces)
        chosen = segment.words[first:stop]
        if not chosen:
            return self._edit("words", segment.start, segment.end, "", new)
        was = joined(words[first:stop], has_spaces)
        return self._edit("words", chosen[0].start, chosen[-1].end, was, new)

    def speaker(self, start: float, end: float | None, speaker: str) -> Edit:
        """Another speaker from one time to another; for the whole turn without an end."""
        segment = self.segment_at(start)
        was, label = segment.speaker or "", self.label(speaker)
        if end is not None:
            return self._edit("speaker", start, end, was, label)
        turn = next(
            (
                one
                for one in self.now_turns
                if one.speaker == was and one.start - _EPSILON_S <= start <= one.end + _EPSILON_S
            ),
            None,
        )
        begin = segment.start if turn is None else min(turn.start, segment.start)
        until = segment.end if turn is None else max(turn.end, segment.end)
        return self._edit("speaker", begin, until, was, label)

    def name(self, text: str) -> Edit:
        """What a speaker is called, given as `A=Kim`. Raises UsageError for another form."""
        was, equals, now = (part.strip() for part in text.partition("="))
        if not (was and equals and now):
            raise UsageError(f"--name {text!r}: give a speaker and a name, e.g. A=Kim")
        return self._edit("name", 0.0, self.machine.duration, self.label(was), now)

    def merge(self, start: float, end: float) -> Edit:
        """One segment of several."""
        inside = [s for s in self.now.segments if start - _EPSILON_S <= _middle(s) <= end]
        language = self.now.language if not inside else self.now.language_of(inside[0])
        was = joined([one.text for one in inside], spaced(language))
        return self._edit("merge", start, end, was)

    def split(self, start: float, speaker: str | None) -> Edit:
        """Two segments of one, at the word that is said at a time."""
        segment = self.segment_at(start)
        word = next((one for one in segment.words if (one.start + one.end) / 2 >= start), None)
        was = "" if word is None else word.text.strip()
        now = "" if speaker is None else self.label(speaker)
        return self._edit("split", start, segment.end, was, now)

    def _edit(self, kind: Any, start: float, end: float, was: str = "", now: str = "") -> Edit:
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return Edit(kind, round(start, 3), round(end, 3), was, now, self.by, at)

    def segment_at(self, time: float) -> Segment:
        """The segment in which a time lies. Raises UsageError where nobody speaks."""
        for segment in self.now.segments:
            if segment.start - _EPSILON_S <= time <= segment.end + _EPSILON_S:
                return segment
        raise UsageError(f"{clock(time)}: nothing was recognized at this time")

    # -- from a file

    def imported(self, path: Path) -> tuple[list[Edit], list[str]]:
        """The edits in a file, and what of it was not taken over.

        Raises:
            InputError: it cannot be read, or is of another form.
        """
        if path.suffix.lower() == ".toml":
            return list(self._from_toml(path)), []
        if path.suffix.lower() == ".json" and (layer := _as_layer(path)) is not None:
            return [replace(edit, by=edit.by or self.by) for edit in layer.edits], []
        stage = self.stage
        shown = with_marks(
            named(self.now, self.names),
            inaudible=getattr(stage, "inaudible", False),
            events=getattr(stage, "events", False),
        )
        found, strays = changes(read_rows(path, shown), shown)
        edits = []
        for change in found:
            segment = change.segment
            if change.text.split() != segment.text.split():
                was = segment.text.strip()
                edits.append(self._edit("words", segment.start, segment.end, was, change.text))
            if change.speaker is not None and change.speaker != segment.speaker:
                was, now = self.label(segment.speaker or ""), self.label(change.speaker)
                edits.append(self._edit("speaker", segment.start, segment.end, was, now))
        left = [
            f"{clock(row.start)}: “{row.text}” is where nothing was recognized" for row in strays
        ]
        return edits, left

    def _from_toml(self, path: Path) -> Iterator[Edit]:
        from reelmill.core.toml import read_toml

        for one in read_toml(path).get("edits", ()):
            try:
                edit = Edit(
                    one["kind"], float(one["start"]), float(one["end"]), one.get("was", ""),
                    one.get("now", ""), one.get("by", self.by),
                )  # fmt: skip
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise InputError(f"{path}: not an edit: {one!r} ({error!r})") from error
            if edit.kind not in ("words", "name", "speaker", "merge", "split"):
                raise InputError(f"{path}: no kind of edit: {edit.kind!r}")
            yield replace(edit, at=self._edit("words", 0, 0).at)


def _as_layer(path: Path) -> CorrectionLayer | None:
    try:
        return parse_layer(path, path.read_bytes())
    except (InputError, OSError):
        return None


def _middle(segment: Segment) -> float:
    return (segment.start + segment.end) / 2


def open_desk(finished: Finished, by: str | None) -> Desk:
    """A recording with its layer, or a new one.

    Raises:
        InputError: there is a layer that is not ours, or for other content.
    """
    return Desk(finished, layer_of(finished), by or getpass.getuser())


def layer_of(finished: Finished) -> CorrectionLayer:
    """The layer of a recording, or a new one. Raises InputError as `open_desk`."""
    recording = finished.recording
    path = layer_path(finished.out, recording.name)
    if not path.exists():
        return CorrectionLayer(recording.name, recording.id, finished.transcript_key)
    layer = read_layer(path)
    if layer.source != recording.id:
        raise InputError(
            f"{path}: made for other content of the recording; move it away, and take its "
            "edits over with --from"
        )
    return layer


def checked(desk: Desk, edits: Iterable[Edit]) -> tuple[list[Edit], list[Edit]]:
    """The edits that fit the text, one after the other, and those that do not."""
    fitting: list[Edit] = []
    before = len(desk.unfit)
    unfit = []
    for edit in edits:
        layer = replace(desk.layer, edits=[*desk.layer.edits, *fitting, edit])
        if len(corrected(desk.machine, layer, desk.turns).unfit) > before:
            unfit.append(edit)
        else:
            fitting.append(edit)
    return fitting, unfit


def save_layer(
    case: CaseFolder, desk: Desk, edits: Sequence[Edit], facts: dict[str, Any]
) -> list[ExportedFile]:
    """Keep a layer with these edits, note it in the custody log, and make the files anew.

    Args:
        case: the output folder, open.
        desk: the recording.
        edits: all of the layer.
        facts: what the entry of the log has about the change.

    Raises:
        NotOursError, OSError: a file cannot be written.
    """
    finished = desk.finished
    layer = replace(desk.layer, machine=finished.transcript_key, edits=list(edits))
    kept = keep_layer(case, finished, layer, desk.by, facts)
    return [kept, *remake(case, finished, finished.made)]


def keep_layer(
    case: CaseFolder, finished: Finished, layer: CorrectionLayer, by: str, facts: dict[str, Any]
) -> ExportedFile:
    """Write a layer, and note in the custody log who changed what.

    Raises:
        NotOursError, OSError: it cannot be written.
    """
    recording = finished.recording
    path, data = layer_path(case.out, recording.name), layer_data(layer)
    key = user_key().seal.key_for(WRITTEN)
    with gate.output(case.out, finished.command, [recording.path], key):
        write_bytes(path, data, of=recording)
    state = read_state(path)
    name = path.relative_to(case.out).as_posix()
    kept = ExportedFile(name, state.sha256, state.size)
    case.results.append(kept)
    case.note(
        "correction",
        recording=Folder(case.out).name(recording.path),
        person=by,
        **facts,
        results=[asdict(kept)],
    )
    return kept
