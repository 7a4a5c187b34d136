"""Verification: checks that everything is as the evidence says."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from reelmill.core.keys import known_key
from reelmill.core.recording import FileState, read_state
from reelmill.errors import InputError, ReelmillError, UsageError
from reelmill.evidence.custody.bag import Checked, check_bag, is_bag
from reelmill.evidence.custody.chain import CUSTODY
from reelmill.evidence.custody.check import Log, Said, check_artifacts, find_head, read_log
from reelmill.evidence.custody.proofs import Trust, check_proofs
from reelmill.evidence.findings import Finding, Role, Verification, What
from reelmill.evidence.manifest import MANIFEST, parse_manifest
from reelmill.evidence.paths import Folder, is_plain
from reelmill.evidence.reading import parse_evidence, read_record
from reelmill.evidence.record import EVIDENCE, Evidence

Progress = Callable[[int, int, str], None]

#: Folders in the output folder that contain no results.
_OWN = frozenset({".cache"})


def runs_in(out: Path) -> list[Path]:
    """The output folders meant by `out`: the folder itself or, as for the demo, those directly in
    it.

    There is always at least one. `verify` reports if it has no evidence.
    """
    if _has_evidence(out) or is_bag(out) or not out.is_dir():
        return [out]
    return sorted(folder for folder in out.iterdir() if _has_evidence(folder)) or [out]


def _has_evidence(out: Path) -> bool:
    return os.path.lexists(out / MANIFEST) or os.path.lexists(out / EVIDENCE)


def verify(
    out: Path,
    progress: Progress | None = None,
    *,
    strict: bool = False,
    manifest_sha256: str | None = None,
    custody_head: str | None = None,
    trust: Trust | None = None,
) -> Verification:
    """Hash every original and every result again, and compare with the evidence. A bag of a case
    is checked as a bag, and then the case in it.

    Args:
        out: the output folder.
        progress: called with files done, files in all, and the name of the one just done.
        strict: files that are not on record are wrong too.
        manifest_sha256: the hash of the manifest itself as it was kept elsewhere (hex).
        custody_head: the head of the custody log as it was kept elsewhere (hex).
        trust: whose signatures and time stamps count.

    Raises:
        UsageError: `out` holds no evidence of a run.
    """
    kept = _Kept(strict, manifest_sha256, custody_head, trust or Trust())
    if is_bag(out):
        return _verify_bag(out, check_bag(out), kept, progress)
    if not _has_evidence(out):
        raise UsageError(
            f"{out}: contains neither {MANIFEST} nor {EVIDENCE}; give the output folder of a run"
        )
    return _verify_folder(out, kept, progress)


@dataclass(frozen=True)
class _Kept:
    """What the user compares with."""

    strict: bool
    manifest_sha256: str | None
    custody_head: str | None
    trust: Trust


def _verify_bag(out: Path, bag: Checked, kept: _Kept, progress: Progress | None) -> Verification:
    """Check the files of a bag, and the case in it."""
    if bag.case is None or not _has_evidence(bag.case):
        verification = Verification(out, kept.strict, findings=list(bag.findings))
        verification.checked.append("This bag has no folder of results of Reelmill in it.")
        return verification
    verification = _verify_folder(bag.case, kept, progress)
    verification.findings[:0] = bag.findings
    verification.checked.append(f"Bag: {bag.files:,} payload files were compared with its lists.")
    # copies have times of their own, and a bag may be without originals
    findings = [one for one in verification.findings if one.what != "touched"]
    if not bag.has_originals:
        left = [one for one in findings if (one.role, one.what) != ("original", "missing")]
        absent = len(findings) - len(left)
        verification.originals -= absent
        verification.checked.append(
            f"{absent:,} originals are not in this bag and were not checked."
        )
        findings = left
    verification.findings = findings
    return verification


def _verify_folder(out: Path, kept: _Kept, progress: Progress | None) -> Verification:
    verification = Verification(out, kept.strict)
    evidence, manifest = _records(out, verification, kept.manifest_sha256)
    expected = _expected(evidence, manifest)
    verification.originals = sum(one.role == "original" for one in expected.values())
    verification.results = len(expected) - verification.originals
    folder = Folder(out)
    checks = [partial(_check, folder, name, one) for name, one in expected.items()]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing releases the GIL
        for at, (name, found) in enumerate(
            zip(expected, pool.map(lambda check: check(), checks), strict=True), 1
        ):
            verification.findings += found
            if progress is not None:
                progress(at, len(expected), name)
    log = _check_custody(verification, evidence, kept.custody_head)
    proofs = check_proofs(out, log, kept.trust)
    verification.findings += proofs.findings
    verification.checked += proofs.lines
    own = {EVIDENCE, MANIFEST, CUSTODY}
    verification.findings += _new_files(out, expected.keys() | own)
    return verification


# -- the two records


def _records(
    out: Path, verification: Verification, kept: str | None
) -> tuple[Evidence, dict[str, str] | None]:
    """Read both records. Each is None or empty if unusable; what is wrong with them becomes a
    finding."""
    findings = verification.findings
    evidence, manifest, evidence_sha256 = Evidence(), None, None
    try:
        data = read_record(out / EVIDENCE)
        evidence_sha256 = hashlib.sha256(data).hexdigest()
        evidence = parse_evidence(out / EVIDENCE, data)
    except InputError as error:
        findings.append(_unusable(out, EVIDENCE, error))
    try:
        data = read_record(out / MANIFEST)
        verification.manifest_sha256 = hashlib.sha256(data).hexdigest()
        manifest = parse_manifest(out / MANIFEST, data)
    except InputError as error:
        findings.append(_unusable(out, MANIFEST, error))
    if kept is not None and verification.manifest_sha256 is not None:
        verification.anchored = kept == verification.manifest_sha256
        if not verification.anchored:
            details = (f"sha256: {kept} -> {verification.manifest_sha256}",)
            findings.append(Finding("record", "changed", MANIFEST, details))
    if manifest is not None:
        listed = manifest.pop(EVIDENCE, None)
        if evidence_sha256 is not None:
            findings += _bound(listed, evidence_sha256)
            findings += _contradictions(evidence, manifest)
    return evidence, manifest


def _unusable(out: Path, name: str, error: InputError) -> Finding:
    what: What = "unreadable" if os.path.lexists(out / name) else "missing"
    return Finding("record", what, name, (str(error),))


def _bound(listed: str | None, sha256: str) -> Iterator[Finding]:
    """Check the evidence against the manifest, which lists it. What only the evidence contains
    cannot be rewritten without the manifest."""
    if listed is None:
        details = (f"{MANIFEST} has no line for it; was the line removed?",)
        yield Finding("record", "contradiction", EVIDENCE, details)
    elif listed != sha256:
        yield Finding("record", "changed", EVIDENCE, (f"sha256: {listed} -> {sha256}",))


def _contradictions(evidence: Evidence, manifest: dict[str, str]) -> Iterator[Finding]:
    """Check that the two records agree, so that somebody who edits one has to edit both."""
    hashes = {name: evidence.state(name).sha256 for name in evidence.originals}
    hashes |= {name: result.sha256 for name, result in evidence.results.items()}
    for name in sorted(hashes.keys() | manifest.keys()):
        recorded, listed = hashes.get(name), manifest.get(name)
        outside = not is_plain(name, inside=True)
        role: Role = "original" if outside or name in evidence.originals else "result"
        if listed is None:
            yield Finding(role, "contradiction", name, (f"only {EVIDENCE} lists it",))
        elif recorded is None:
            yield Finding(role, "contradiction", name, (f"only {MANIFEST} lists it",))
        elif listed != recorded:
            details = (f"{EVIDENCE}: sha256 {recorded}", f"{MANIFEST}: sha256 {listed}")
            yield Finding(role, "contradiction", name, details)


# -- the custody log


def _check_custody(verification: Verification, evidence: Evidence, kept: str | None) -> Log | None:
    key = known_key()
    log = read_log(verification.out, None if key is None else key.seal, evidence.custody)
    findings = verification.findings
    if log is not None:
        findings += [*log.findings, *check_artifacts(verification.out, log)]
        findings += _other_words(log, evidence)
        verification.custody = log.head
        verification.custody_others, verification.custody_torn = log.others, log.torn
    if kept is not None:
        try:
            verification.custody_anchor = find_head(log, kept)
        except InputError as error:
            findings.append(Finding("record", "changed", CUSTODY, (str(error),)))
    return log


def _other_words(log: Log, evidence: Evidence) -> Iterator[Finding]:
    """Check that the evidence says the same of originals and results as the log does."""
    for name, said in log.originals.items():
        if name in evidence.originals:
            yield from _other_word("original", name, said, evidence.state(name).sha256)
    for name, said in log.results.items():
        if name in evidence.results:
            yield from _other_word("result", name, said, evidence.results[name].sha256)


def _other_word(role: Role, name: str, said: Said, recorded: str) -> Iterator[Finding]:
    if said.sha256 != recorded:
        details = (
            f"{EVIDENCE}: sha256 {recorded}",
            f"{CUSTODY}, entry {said.entry} ({said.what}): sha256 {said.sha256}",
        )
        yield Finding(role, "contradiction", name, details)


# -- the files


@dataclass(frozen=True)
class _Expected:
    """The expected state of a file, as far as it is known: `state` of an original, whose path had
    `links` (None: unknown); SHA-256 and size of a result."""

    role: Role
    sha256: str
    size: int | None = None
    state: FileState | None = None
    links: tuple[str, ...] | None = ()


def _expected(evidence: Evidence, manifest: dict[str, str] | None) -> dict[str, _Expected]:
    """All files to check. For results the manifest decides, because the user kept its hash."""
    expected = {}
    for name, entry in evidence.originals.items():
        state = evidence.state(name)
        links = tuple(entry["links"]) if "links" in entry else None
        expected[name] = _Expected("original", state.sha256, state.size, state, links)
    for name, result in evidence.results.items():
        expected[name] = _Expected("result", result.sha256, result.size)
    for name, sha256 in (manifest or {}).items():
        known = expected.get(name)
        if known is None and is_plain(name, inside=True):
            expected[name] = _Expected("result", sha256)
        elif known is None:  # as if the evidence were lost
            expected[name] = _Expected("original", sha256, links=None)
        elif known.role == "result" and known.sha256 != sha256:
            expected[name] = _Expected("result", sha256)
    return expected


def _check(folder: Folder, name: str, expected: _Expected) -> list[Finding]:
    path = folder.locate(name)
    try:
        return [*_linked(folder, name, expected), *_content(path, name, expected)]
    except (ReelmillError, OSError) as error:
        what: What = "unreadable" if os.path.lexists(path) else "missing"
        details = () if what == "missing" else (str(error),)
        return [Finding(expected.role, what, name, details)]


def _linked(folder: Folder, name: str, expected: _Expected) -> Iterator[Finding]:
    """Report a link that has appeared on the way to a file. It leads wherever its owner wants."""
    links = folder.links_to(name) if expected.links is not None else []
    for link in links:
        if link not in (expected.links or ()):
            target = folder.locate(link).readlink()
            yield Finding(expected.role, "linked", name, (f"{link} -> {target}",))


def _content(path: Path, name: str, expected: _Expected) -> Iterator[Finding]:
    """Check one file. Raises ReelmillError or OSError if it cannot be read."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):  # opening such a file to look at it may block forever
        raise InputError(f"{path}: not a regular file")
    if expected.size is not None and facts.st_size != expected.size:
        # A wrong size is certain without reading the file, which may be larger than any disk.
        differences = (f"size: {expected.size} -> {facts.st_size}",)
        yield Finding(expected.role, "changed", name, differences)
    else:
        yield from _compared(name, expected, read_state(path))


def _compared(name: str, expected: _Expected, now: FileState) -> Iterator[Finding]:
    if expected.state is not None:
        differences = tuple(expected.state.differences(now))
        if differences:
            same = (expected.state.sha256, expected.state.md5) == (now.sha256, now.md5)
            yield Finding("original", "touched" if same else "changed", name, differences)
    elif now.sha256 != expected.sha256:
        details = (f"sha256: {expected.sha256} -> {now.sha256}",)
        yield Finding(expected.role, "changed", name, details)


def _new_files(out: Path, known: set[str]) -> Iterator[Finding]:
    """Files that are not on record; a linked folder counts as one. Works at any depth, without
    recursion."""
    root, waiting = os.path.realpath(out), [""]
    while waiting:
        folder = waiting.pop()
        path = f"{root}/{folder}"
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            yield Finding("result", "unreadable", folder or ".", (f"{path}: {error.strerror}",))
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if name not in _OWN:
                    waiting.append(name)
            elif name not in known:
                link = entry.is_symlink()
                details = (f"a link to {Path(entry.path).readlink()}",) if link else ()
                yield Finding("result", "new", name, details)
