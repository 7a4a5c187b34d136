"""Writes the evidence of a run, merged with that of earlier runs."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.recording import read_state
from reelmill.errors import InputError
from reelmill.evidence.custody.chain import head
from reelmill.evidence.manifest import MANIFEST, write_manifest_lines
from reelmill.evidence.paths import Folder
from reelmill.evidence.reading import read_evidence
from reelmill.evidence.record import EVIDENCE, Evidence, OriginalRecord, ResultRecord

Result = ExportedFile | Path | str


@dataclass
class Written:
    """What is on record now, and what the user must hear about it. `manifest_sha256` is the hash of
    the manifest itself, which stands for everything in it and should be kept elsewhere."""

    evidence: Evidence
    manifest_sha256: str
    warnings: list[str] = field(default_factory=list)


def write_evidence(
    out: Path,
    originals: Sequence[OriginalRecord],
    results: Iterable[Result],
    *,
    kept: Iterable[Result] = (),
    removed: Iterable[str] = (),
    to_be_replaced: Iterable[str] = (),
) -> Written:
    """Write `evidence.json` and `manifest.sha256` into `out`.

    Args:
        out: the output folder.
        originals: what the run saw of them; asked for anew whenever one is needed, since there may
            be very many. One under a name that is new here takes over the
            record of a lost one with the same content: it was moved.
        results: those this run wrote. Paths (relative ones start at `out`) are hashed now, an
            `ExportedFile` is taken at its word.
        kept: results of earlier runs. They enter the record only when it does not know them yet,
            so that a later change of theirs cannot slip in as if it had been written here.
        removed: results of earlier runs until this run took them away; one that is there is none
            of them.
        to_be_replaced: results that are going to be written anew and then added: until then none
            is on record under these names.

    Raises:
        OSError: the files cannot be written.
    """
    evidence, warnings = _before(out)
    folder = Folder(out)
    _add_originals(evidence, folder, originals)
    gone = [path for path in removed if not (out / path).exists()]
    for path in (*gone, *to_be_replaced):
        evidence.results.pop(folder.name(path), None)
    for result in results:
        _add_result(evidence, folder, result, warnings)
    for result in kept:
        if folder.name(_path(result)) not in evidence.results:
            _add_result(evidence, folder, result, warnings)
    return Written(evidence, _write(out, evidence), warnings)


def add_results(out: Path, written: Written, results: Iterable[Result]) -> Written:
    """Write both files again with more results, which are hashed now.

    Raises:
        OSError: they cannot be written; those of before are then still there.
    """
    warnings: list[str] = []
    for result in results:
        _add_result(written.evidence, Folder(out), result, warnings)
    return Written(written.evidence, _write(out, written.evidence), warnings)


def _write(out: Path, evidence: Evidence) -> str:
    """Write both files, and return the manifest's own hash."""
    evidence.custody = head(out)
    sha256 = evidence.write(out)
    return write_manifest_lines(out, evidence.hashes(sha256))


def _before(out: Path) -> tuple[Evidence, list[str]]:
    """What earlier runs recorded. A damaged record is set aside, never overwritten."""
    path = out / EVIDENCE
    if not os.path.lexists(path):
        return Evidence(), []
    try:
        return read_evidence(out), []
    except InputError as error:
        aside = gate.set_aside(path)
        return Evidence(), [f"{error}; it was kept as {aside.name}, and a new record was started"]


def _add_originals(evidence: Evidence, folder: Folder, originals: Sequence[OriginalRecord]) -> None:
    known = set(evidence.originals)
    seen = evidence.see(originals, folder)
    new = [name for name in seen if name not in known]
    if not new:
        return
    lost: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(known.difference(seen)):
        if not os.path.lexists(folder.locate(name)):
            lost[evidence.originals.sha256(name)].append(name)
    for name in new if lost else ():
        names = lost.get(evidence.originals.sha256(name), [])
        if names:
            same = [one for one in names if Path(one).name == Path(name).name]
            names.remove(before := (same or names)[0])
            evidence.take_over(name, before)


def _path(result: Result) -> Path | str:
    return result.path if isinstance(result, ExportedFile) else result


def _add_result(evidence: Evidence, folder: Folder, result: Result, warnings: list[str]) -> None:
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
