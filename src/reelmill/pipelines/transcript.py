"""The end of a pipeline that makes transcripts: how they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reelmill.core.written import digest_of
from reelmill.engine.stage import ModelSpec
from reelmill.export.names import SpeakerName
from reelmill.export.transcript import parse_formats, writer_for
from reelmill.export.transcript.case import read_case
from reelmill.export.transcript.provenance import ModelFacts, Provenance
from reelmill.models.alignment.aligners import NONE
from reelmill.pipelines.captions import lingering
from reelmill.settings import Settings
from reelmill.stages.transcript.export import Export
from reelmill.stages.transcript.layers import Layers

#: Files that hold a model's weights, by their endings.
_WEIGHTS = frozenset({".bin", ".safetensors", ".onnx", ".pt"})


def export_stage(
    settings: Settings,
    out: Path,
    shown: Mapping[str, object],
    names: tuple[SpeakerName, ...],
    *,
    has_words: bool,
    models: Sequence[ModelSpec],
) -> Export:
    """The export of transcripts.

    Args:
        settings: what the user asked for.
        out: the output folder.
        shown: the settings that are written into results.
        names: what speakers are called.
        has_words: whether the pipeline finds the time of each word.
        models: those that decide the text and its times.

    Raises:
        UsageError: the file of the case cannot be read or says what no case has.
    """
    return Export(
        case=None if settings.case is None else read_case(settings.case),
        provenance=Provenance.of_this_command(_facts(models, settings.formats)),
        characters_per_line=settings.chars_per_line,
        lines=settings.lines,
        longest=settings.longest,
        lingering=lingering(settings),
        inaudible=settings.inaudible,
        events=settings.events,
        root=out,
        layers=Layers.of(out),
        formats=settings.formats,
        settings=tuple(shown.items()),
        names=names,
        words=settings.words and has_words,
    )


def _facts(models: Sequence[ModelSpec], formats: Sequence[str]) -> Iterator[ModelFacts]:
    """What records tell of models. Weights are hashed only where a record is to be written: a
    large model's take seconds. An aligner of no language decided nothing."""
    in_full = any(writer_for(name).verbatim for name in parse_formats(formats))
    for model in models:
        if model.name == NONE:
            continue
        folder = getattr(model, "path", None)
        weights = _weights(folder) if in_full and isinstance(folder, Path) else ()
        yield ModelFacts(model.purpose, model.name, model.identity, tuple(weights))


def _weights(folder: Path) -> Iterator[tuple[str, str]]:
    for file in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        if file.suffix in _WEIGHTS:
            with file.open("rb") as content:
                sha256, _ = digest_of(content.fileno())
            yield file.name, sha256
