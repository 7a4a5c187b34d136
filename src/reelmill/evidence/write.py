"""Writing the evidence of a run, merged with that of the runs before it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.recording import read_state
from reelmill.errors import InputError
from reelmill.evidence.manifest import MANIFEST, write_manifest
from reelmill.evidence.paths import Folder
from reelmill.evidence.record import (
    EVIDENCE,
    Evidence,
    OriginalRecord,
    ResultRecord,
    read_evidence,
)


@dataclass
class Written:
    """The two files, and what a user must hear about them."""

    manifest: Path
    evidence: Path
    warnings: list[str] = field(default_factory=list)


def write_evidence(
    out: Path,
    originals: Iterable[OriginalRecord],
    results: Iterable[ExportedFile | Path | str],
    *,
    kept: Iterable[ExportedFile | Path | str] = (),
    removed: Iterable[str] = (),
    fresh: bool = False,
) -> Written:
    """Write `evidence.json` and `manifest.sha256` into `out`.

    `results` were written by this run: paths (relative ones start at `out`) are hashed now, an
    `ExportedFile` is taken at its word. `kept` are results of earlier runs: they enter the
    record only when it does not know them yet, so that a later change of theirs cannot slip in
    as if it had been written here. `removed` were results of earlier runs until this run took them
    away; one that is there is none of them. With `fresh` nothing of earlier runs is kept.

    Raises:
        OSError: the files cannot be written.
    """
    evidence, warnings = _before(out, fresh)
    folder = Folder(out)
    for record in originals:
        evidence.add_original(folder.name(os.path.abspath(record.path)), record)
    for path in removed:
        if not (out / path).exists():
            evidence.results.pop(folder.name(path), None)
    for result in results:
        _add_result(evidence, folder, result, warnings)
    for result in kept:
        if folder.name(_path(result)) not in evidence.results:
            _add_result(evidence, folder, result, warnings)
    text = evidence.write(out)
    hashes = {name: entry["before"]["sha256"] for name, entry in evidence.originals.items()}
    hashes |= {name: result.sha256 for name, result in evidence.results.items()}
    hashes[EVIDENCE] = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return Written(write_manifest(out, hashes), out / EVIDENCE, warnings)


def _before(out: Path, fresh: bool) -> tuple[Evidence, list[str]]:
    """What earlier runs recorded. A damaged record is kept aside, never written over."""
    path = out / EVIDENCE
    if fresh or not path.exists():
        return Evidence(), []
    try:
        return read_evidence(out), []
    except InputError as error:
        aside = gate.set_aside(path)
        return Evidence(), [f"{error}; it was kept as {aside.name} and a new one begun"]


def _path(result: ExportedFile | Path | str) -> Path | str:
    return result.path if isinstance(result, ExportedFile) else result


def _add_result(
    evidence: Evidence, folder: Folder, result: ExportedFile | Path | str, warnings: list[str]
) -> None:
    name = folder.name(_path(result))
    if name in (EVIDENCE, MANIFEST):
        return
    if isinstance(result, ExportedFile):
        evidence.results[name] = ResultRecord(result.sha256, result.size)
        return
    try:
        state = read_state(folder.locate(name))
    except Exception as error:  # noqa: BLE001 (one lost result must not cost the record of all)
        warnings.append(f"not in the manifest: {error}")
        with contextlib.suppress(KeyError):
            del evidence.results[name]
    else:
        evidence.results[name] = ResultRecord(state.sha256, state.size)
