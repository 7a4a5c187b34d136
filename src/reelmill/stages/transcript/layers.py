"""The corrections that people made in an output folder, and a stage's transcript with them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from reelmill.artifacts import Diarization, Finding, SpokenTranscript, Transcript, Turn
from reelmill.artifacts.corrections import (
    SCHEMA,
    CorrectionLayer,
    Edit,
    TranslationEdit,
    corrected,
    renamed,
)
from reelmill.artifacts.replaced import marked
from reelmill.core.json_text import parse_json
from reelmill.core.keys import user_key
from reelmill.core.opening import open_unlinked
from reelmill.core.recording import Recording
from reelmill.core.walk import walk
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError
from reelmill.export.files import export_path
from reelmill.export.names import named
from reelmill.report.wording import clock
from reelmill.stages.speakers.attribute_speakers import speaker_totals

FOLDER = "corrections"
_PURPOSE = "corrections"
_SUFFIX = ".json"
_UNFIT = "correction"
_SHOWN = 40


@dataclass(frozen=True)
class Layers:
    """The layers in an output folder: by their names there, a digest of the edits of the transcript
    and one of those of translations."""

    root: Path | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    of_translations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, out: Path) -> Layers:
        """Look at what there is."""
        folder, digests, of_translations = out / FOLDER, {}, {}
        if folder.is_dir() and not folder.is_symlink():
            for at, _, files in walk(folder):
                for file in files:
                    path = Path(at, file)
                    if file.endswith(_SUFFIX) and (data := _data(path)) is not None:
                        name = path.relative_to(out).as_posix()
                        digests[name], of_translations[name] = _digests(path, data)
        return cls(out, digests, of_translations)

    def key(self, name: str) -> str:
        """What the edits of a recording's transcript add to the key of a result; empty where there
        are none."""
        return self._of(name, self.digests)

    def translations_key(self, name: str) -> str:
        """The same for the edits of its translations."""
        return self._of(name, self.of_translations)

    def _of(self, name: str, digests: Mapping[str, str]) -> str:
        if self.root is None or not digests:
            return ""
        return digests.get(layer_path(self.root, name).relative_to(self.root).as_posix(), "")

    def read(self, name: str) -> CorrectionLayer | None:
        """The layer of a recording; None where there is none.

        Raises:
            InputError: it is not ours, was changed by somebody, or is damaged.
        """
        if self.root is None or not (self.key(name) or self.translations_key(name)):
            return None
        return read_layer(layer_path(self.root, name))

    def read_for(self, recording: Recording) -> CorrectionLayer | None:
        """The layer of a recording with this content; None where there is none.

        Raises:
            InputError: as `read`, or it was made for other content.
        """
        layer = self.read(recording.name)
        if layer is not None and layer.source != recording.id:
            raise InputError(
                f"{layer_path(Path(), recording.name)}: made for other content of the recording"
            )
        return layer


def _digests(path: Path, data: bytes) -> tuple[str, str]:
    """The digests of a layer's two lists of edits, empty for an empty list. What cannot be read has
    one of both: whoever shows corrections tells that it was not applied."""
    try:
        layer = parse_layer(path, data)
    except InputError:
        whole = hashlib.sha256(data).hexdigest()
        return whole, whole
    return _digest(layer.source, layer.edits), _digest(layer.source, layer.translations)


def _digest(source: str, edits: Sequence[Edit] | Sequence[TranslationEdit]) -> str:
    text = json.dumps([source, [asdict(one) for one in edits]])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if edits else ""


def layer_path(out: Path, name: str) -> Path:
    """Where the layer of a recording is."""
    return out / FOLDER / export_path(name, _SUFFIX.removeprefix("."))


def layer_data(layer: CorrectionLayer) -> bytes:
    """A layer as it is kept, with a mark of the user's key."""
    return user_key().seal.signed(_PURPOSE, {"schema": SCHEMA, **asdict(layer)})


def read_layer(path: Path) -> CorrectionLayer:
    """Read a layer that Reelmill wrote.

    Raises:
        InputError: it is not ours, was changed by somebody, or is damaged.
    """
    data = _data(path)
    if data is None:
        raise InputError(f"{path}: cannot be read")
    if not user_key().seal.is_signed(_PURPOSE, data):
        raise InputError(
            f"{path}: not written by Reelmill with your key, or changed since; take its edits over "
            "with `reelmill correct --from`"
        )
    return parse_layer(path, data)


def parse_layer(path: Path, data: bytes) -> CorrectionLayer:
    """A layer from anybody's file, as JSON.

    Raises:
        InputError: it is damaged or something else.
    """
    try:
        values = parse_json(data.decode("utf-8", "surrogateescape"))
        if values.pop("schema") != SCHEMA:
            raise InputError(f"{path}: not a file of corrections")
        values.pop("mac", None)
        return TypeAdapter(CorrectionLayer).validate_python(values)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        raise InputError(f"{path}: not a file of corrections, or damaged") from error


def _data(path: Path) -> bytes | None:
    try:
        with os.fdopen(open_unlinked(path), "rb") as file:
            return file.read()
    except OSError:
        return None


@dataclass(frozen=True)
class CorrectedInputs:
    """A stage's inputs with the corrections of people.

    Attributes:
        transcript: corrected; the machine's own where there is no layer.
        turns: who speaks when, corrected.
        names: what people call speakers, by label.
        layer: the edits; None where there are none.
        machine: the transcript as the machine made it.
        findings: which edits no longer fit, or why none was applied.
    """

    transcript: Transcript
    turns: list[Turn]
    names: dict[str, str]
    layer: CorrectionLayer | None
    machine: Transcript
    findings: list[Finding]

    @property
    def labelled(self) -> Transcript:
        """The corrected transcript with the labels that other stages know speakers by."""
        return named(self.transcript, {name: label for label, name in self.names.items()})


def corrected_inputs(recording: Recording, inputs: Inputs, layers: Layers) -> CorrectedInputs:
    """The transcript and turns that a stage reads, with the corrections of the recording.

    An edit that no longer fits the text is left out, and told as a finding.
    """
    machine, diarization = marked(inputs[Transcript]), inputs.get(Diarization)
    turns = [] if diarization is None else list(diarization.turns)
    try:
        layer = layers.read_for(recording) if layers.key(recording.name) else None
    except InputError as error:
        why = f"corrections were not applied: {error}"
        found = [Finding(_UNFIT, text=why, severity="warning")]
        return CorrectedInputs(machine, turns, {}, None, machine, found)
    if layer is None:
        return CorrectedInputs(machine, turns, {}, None, machine, [])
    made = corrected(machine, layer, turns)
    transcript = made.transcript
    if isinstance(transcript, SpokenTranscript) and diarization is not None:
        transcript = _with_totals(transcript, replace(diarization, turns=made.turns))
    findings = [_told(edit) for edit in made.unfit]
    names = dict(renamed(layer))
    return CorrectedInputs(transcript, made.turns, names, layer, machine, findings)


def _with_totals(transcript: SpokenTranscript, diarization: Diarization) -> SpokenTranscript:
    speakers = list(dict.fromkeys(turn.speaker for turn in diarization.turns))
    totals = speaker_totals(replace(diarization, speakers=speakers))
    return replace(transcript, speakers=totals)


def _told(edit: Edit) -> Finding:
    text = (
        f"a correction at {clock(edit.start)} no longer fits the machine's text and was not "
        f"applied: {edit.kind} “{short(edit.was)}” → “{short(edit.now)}”"
    )
    return Finding(_UNFIT, edit.start, edit.end, text=text, severity="warning")


def short(text: str) -> str:
    """A text as findings quote it: its beginning, if it is long."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
