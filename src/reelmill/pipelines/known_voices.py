"""`voice --people`: known voices from samples, listened to in a process of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.core.kept import read_kept, write_kept
from reelmill.core.notices import announce
from reelmill.core.people_folder import Example
from reelmill.core.recording import read_state
from reelmill.engine.process.call import call_alone
from reelmill.engine.stage import Device
from reelmill.errors import CrashError, ModelUnavailableError, UsageError
from reelmill.models.speakers.networks import EncoderSpec
from reelmill.stages.speakers.reference_sounds import listen_to, samples_in
from reelmill.stages.speakers.same_voice import KnownVoice

#: Raised when the analysis of a sample changes.
_VERSION = 3

_Heard = tuple[tuple[KnownVoice, ...], tuple[str, ...]]


def known_voices(folder: Path, encoder: EncoderSpec, cache: Path) -> tuple[KnownVoice, ...]:
    """The voices in the samples in `folder`; those of earlier runs are kept below `cache`, so that
    the same samples always give the same.

    Args:
        folder: as `samples_in` reads it.
        encoder: what tells voices apart.
        cache: the run's.

    Raises:
        UsageError: there are no samples, or none of them has a voice.
        ModelUnavailableError: the encoder cannot be loaded.
    """
    samples = samples_in(folder)
    kept = cache / gate.KNOWN_PEOPLE / f"{_key(samples, encoder)}.json"
    heard = _read(kept)
    if heard is None:
        heard = _listened_to(samples, encoder)
        write_kept(kept, {"voices": [asdict(one) for one in heard[0]], "notes": heard[1]})
    voices, notes = heard
    for note in notes:
        announce(note)
    if not voices:
        raise UsageError(f"--people {folder}: nobody's voice in any of its {len(samples)} files")
    announce(f"{len(voices)} known people: {', '.join(one.name for one in voices)}")
    return voices


def _key(samples: Sequence[Example], encoder: EncoderSpec) -> str:
    digest = hashlib.sha256(f"voices {_VERSION} {encoder.identity}".encode())
    for sample in samples:
        content = read_state(sample.path).sha256
        digest.update(f"\n{sample.name}\0{content}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _read(path: Path) -> _Heard | None:
    content = read_kept(path)
    if content is None:
        return None
    try:
        voices = (
            KnownVoice(one["name"], float(one["seconds"]), tuple(one["vector"]))
            for one in content["voices"]
        )
        return tuple(voices), tuple(content["notes"])
    except (ValueError, KeyError, TypeError):
        return None


def _listened_to(samples: Sequence[Example], encoder: EncoderSpec) -> _Heard:
    """Models are loaded elsewhere: this process has to stay small."""
    absolute = [replace(one, path=Path(os.path.abspath(one.path))) for one in samples]
    try:
        return call_alone(listen_in_this_process, absolute, encoder)
    except CrashError as error:
        raise ModelUnavailableError(
            "the process that listened to the samples of --people died; with less at work, or "
            "shorter samples, it may have enough memory"
        ) from error


def listen_in_this_process(samples: Sequence[Example], encoder: EncoderSpec) -> _Heard:
    """As `listen_to`, with the encoder loaded here. Raises ModelUnavailableError."""
    return listen_to(samples, encoder, encoder.load(Device("cpu"), usable_cores()))
