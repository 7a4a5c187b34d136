"""Verification: is everything still what the evidence says it was?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from reelmill.core.atomic import is_leftover
from reelmill.core.printable import printable
from reelmill.core.recording import FileState, read_state
from reelmill.errors import InputError, ReelmillError, UsageError
from reelmill.evidence.findings import Finding, Role, Verification, What
from reelmill.evidence.manifest import MANIFEST, read_manifest
from reelmill.evidence.paths import Folder
from reelmill.evidence.record import EVIDENCE, Evidence, read_evidence

Progress = Callable[[int, int, str], None]

#: Folders of the output folder that hold no results.
_OWN = frozenset({".cache"})


def runs_in(out: Path) -> list[Path]:
    """The output folders meant by `out`: itself, or, as in the demo's, those directly in it.

    Always at least one; whether there is evidence in it is for `verify` to say.
    """
    if _has_evidence(out) or not out.is_dir():
        return [out]
    return sorted(folder for folder in out.iterdir() if _has_evidence(folder)) or [out]


def _has_evidence(out: Path) -> bool:
    return (out / MANIFEST).exists() or (out / EVIDENCE).exists()


def verify(out: Path, progress: Progress | None = None) -> Verification:
    """Hash every original and every result again and compare with the evidence.

    `progress` is called with files done, files in all, and the name of the one just done.

    Raises:
        UsageError: `out` holds no evidence of a run.
    """
    if not _has_evidence(out):
        raise UsageError(
            f"{out}: no {MANIFEST} and no {EVIDENCE} here; give the output folder of a run"
        )
    verification = Verification(out)
    evidence, manifest = _records(out, verification)
    originals = {name: evidence.state(name) for name in evidence.originals}
    results = {name: sha256 for name, sha256 in manifest.items() if name not in originals}
    verification.originals, verification.results = len(originals), len(results.keys() - {EVIDENCE})
    verification.findings += _contradictions(evidence, manifest)
    folder = Folder(out)
    checks = [partial(_check_original, folder, name, state) for name, state in originals.items()]
    checks += [partial(_check_result, folder, name, sha256) for name, sha256 in results.items()]
    names = [*originals, *results]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing leaves the GIL
        for at, found in enumerate(pool.map(lambda check: check(), checks)):
            verification.findings += found
            if progress is not None:
                progress(at + 1, len(names), names[at])
    verification.findings += _new_files(out, set(names))
    return verification


def _records(out: Path, verification: Verification) -> tuple[Evidence, dict[str, str]]:
    evidence, manifest = Evidence(), dict[str, str]()
    try:
        evidence = read_evidence(out)
    except InputError as error:
        verification.findings.append(_unusable(out, EVIDENCE, error))
    try:
        manifest = read_manifest(out)
    except InputError as error:
        verification.findings.append(_unusable(out, MANIFEST, error))
        manifest = {name: result.sha256 for name, result in evidence.results.items()}
    return evidence, manifest


def _unusable(out: Path, name: str, error: InputError) -> Finding:
    what: What = "unreadable" if (out / name).exists() else "missing"
    return Finding("record", what, name, (printable(str(error)),))


def _contradictions(evidence: Evidence, manifest: dict[str, str]) -> Iterator[Finding]:
    """The two records confirm each other: someone who edits one has to edit both."""
    hashes = {name: evidence.state(name).sha256 for name in evidence.originals}
    hashes |= {name: result.sha256 for name, result in evidence.results.items()}
    for name, sha256 in hashes.items():
        role: Role = "original" if name in evidence.originals else "result"
        listed = manifest.get(name)
        if listed is None and role == "original":
            yield Finding(role, "contradiction", name, (f"{MANIFEST} does not list it",))
        elif listed is None:
            yield Finding("result", "contradiction", name, (f"only {EVIDENCE} lists it",))
        elif listed != sha256:
            details = (f"{EVIDENCE}: sha256 {sha256}", f"{MANIFEST}: sha256 {listed}")
            yield Finding(role, "contradiction", name, details)


def _check_original(folder: Folder, name: str, recorded: FileState) -> list[Finding]:
    now = _state_of("original", folder.locate(name), name)
    if isinstance(now, Finding):
        return [now]
    differences = tuple(recorded.differences(now))
    if not differences:
        return []
    same_content = (recorded.sha256, recorded.md5) == (now.sha256, now.md5)
    return [Finding("original", "touched" if same_content else "changed", name, differences)]


def _check_result(folder: Folder, name: str, sha256: str) -> list[Finding]:
    role: Role = "record" if name == EVIDENCE else "result"
    now = _state_of(role, folder.locate(name), name)
    if isinstance(now, Finding):
        return [now]
    if now.sha256 == sha256:
        return []
    return [Finding(role, "changed", name, (f"sha256: {sha256} -> {now.sha256}",))]


def _state_of(role: Role, path: Path, name: str) -> FileState | Finding:
    try:
        return read_state(path)
    except ReelmillError as error:
        what: What = "unreadable" if os.path.lexists(path) else "missing"
        return Finding(role, what, name, () if what == "missing" else (printable(str(error)),))


def _new_files(out: Path, known: set[str]) -> Iterator[Finding]:
    root = os.path.realpath(out)
    known = known | {EVIDENCE, MANIFEST}
    for folder, folders, files in os.walk(root):
        if folder == root:
            folders[:] = [name for name in folders if name not in _OWN]
        folders.sort()
        for file in sorted(files):
            name = os.path.relpath(Path(folder, file), root)
            if name not in known and not is_leftover(Path(file)):
                yield Finding("result", "new", name)
