"""Check a custody log: whether each entry follows from the one before, and what the entries say
about files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.core.keys import Seal
from reelmill.core.opening import open_unlinked
from reelmill.core.recording import read_state
from reelmill.errors import InputError, ReelmillError
from reelmill.evidence.custody.chain import (
    CUSTODY,
    PURPOSE,
    START,
    Head,
    NoEntryError,
    parse_entry,
    sha256_of,
    split_mac,
)
from reelmill.evidence.findings import Finding, What
from reelmill.evidence.paths import is_plain
from reelmill.evidence.record import EVIDENCE

#: A line of ours is far shorter.
_LONGEST_LINE = 1 << 24


@dataclass(frozen=True)
class Said:
    """The content of a file as stated by an entry: SHA-256 (hex)."""

    sha256: str
    entry: int
    #: What was done, for people: `stage align of a.wav`.
    what: str


@dataclass
class Log:
    """A log as it was read.

    Attributes:
        hashes: of the entries, in their order.
        originals: content of originals by name, as last seen.
        results: content of exported files by name, as last written.
        artifacts: content of the results of stages and of the files beside them.
        findings: what is wrong; the first entry concerned is named.
        others: how many entries carry the mark of another key, which cannot be checked here.
        torn: how many unfinished lines of killed runs are explained by the next entry.
    """

    hashes: list[str] = field(default_factory=list)
    originals: dict[str, Said] = field(default_factory=dict)
    results: dict[str, Said] = field(default_factory=dict)
    artifacts: dict[str, Said] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    others: int = 0
    torn: int = 0

    @property
    def head(self) -> Head | None:
        return Head(len(self.hashes), self.hashes[-1]) if self.hashes else None

    def has(self, wanted: Head) -> bool:
        """Whether this was the head once."""
        return 0 < wanted.entries <= len(self.hashes) and (
            self.hashes[wanted.entries - 1] == wanted.sha256
        )


def read_log(out: Path, seal: Seal | None, recorded: Head | None = None) -> Log | None:
    """Read and check the log of an output folder; None where there is none.

    Args:
        out: the output folder.
        seal: of the user's key, whose marks are checked; None without a key.
        recorded: the head that the evidence has; it is checked too.
    """
    try:
        descriptor = open_unlinked(out / CUSTODY)
    except FileNotFoundError:
        if recorded is None:
            return None
        details = (f"{EVIDENCE} has a log of {recorded.words}",)
        return Log(findings=[Finding("record", "missing", CUSTODY, details)])
    except OSError as error:
        return Log(findings=[Finding("record", "unreadable", CUSTODY, (str(error.strerror),))])
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Log(findings=[Finding("record", "unreadable", CUSTODY, ("not a regular file",))])
        reader = _Reader(seal, recorded)
        while line := file.readline(_LONGEST_LINE):
            reader.take(line)
        reader.end()
    return reader.log


@dataclass
class _Step:
    """An entry with what is known of its place in the chain."""

    number: int
    line: int
    fits: bool
    problem: str | None


class _Reader:
    """Takes a log line by line, and judges each entry when the one after it is known."""

    def __init__(self, seal: Seal | None, recorded: Head | None) -> None:
        self.log = Log()
        self._seal = seal
        self._recorded = recorded
        self._line = 0
        self._junk = b""
        self._before = START
        #: An entry that was added to another line than the one before it: one of the two was
        #: changed.
        self._unsure: _Step | None = None
        self._broken: tuple[int, What, str] | None = None

    def take(self, line: bytes) -> None:
        self._line += 1
        try:
            entry = parse_entry(line)
        except NoEntryError:
            self._junk += line
            return
        self._take_junk(entry)
        step = self._step(entry, line)
        self._judge(step)
        self._note(entry)
        self._before = sha256_of(line)
        self.log.hashes.append(self._before)

    def end(self) -> None:
        """The log is over."""
        recorded = self._recorded
        fault = None if recorded is None else check_head(self.log, recorded, EVIDENCE)
        self._settle(is_fault=fault is not None)
        if self._junk:
            self._break(
                len(self.log.hashes) + 1,
                "unreadable",
                f"line {self._line}: not a whole entry; a run was killed while it wrote it, or it "
                "was changed",
            )
        if self._broken is not None:
            number, what, why = self._broken
            self.log.findings.insert(0, entry_finding(number, what, why))
        elif fault is not None:
            self.log.findings.append(fault)

    def _step(self, entry: dict[str, Any], line: bytes) -> _Step:
        problem = None
        if self._seal is not None:
            body, mac = split_mac(line)
            if entry.get("key") != self._seal.fingerprint:
                self.log.others += 1
            elif not self._seal.fits(mac, PURPOSE, body):
                problem = "its mark is wrong: the line was changed"
        return _Step(entry["n"], self._line, entry["prev"] == self._before, problem)

    def _judge(self, step: _Step) -> None:
        """Find the first entry that is wrong."""
        expected = len(self.log.hashes) + 1
        self._settle(is_fault=not step.fits)
        if step.problem is not None:
            self._break(step.number, "changed", f"line {step.line}: {step.problem}")
        elif step.number > expected:
            why = f"line {step.line} is entry {step.number}: lines were removed or moved"
            self._break(expected, "missing", why)
        elif step.number < expected:
            why = f"line {step.line} is entry {step.number}: lines were moved or repeated"
            self._break(step.number, "changed", why)
        elif not step.fits:
            self._unsure = step

    def _settle(self, *, is_fault: bool) -> None:
        """Decide about the entry before: `is_fault` if what follows it was added to another line
        too."""
        step, self._unsure = self._unsure, None
        if step is None:
            return
        if is_fault or step.number == 1:
            why = f"line {step.line}: its hash of the line before, or the line itself, was changed"
            self._break(step.number, "changed", why)
        else:
            why = f"entry {step.number} was added to another line than this: it was changed"
            self._break(step.number - 1, "changed", why)

    def _break(self, number: int, what: What, why: str) -> None:
        if self._broken is None:
            self._broken = (number, what, why)

    def _take_junk(self, entry: dict[str, Any]) -> None:
        """Lines that are no entries must be explained by the entry after them."""
        junk, self._junk = self._junk, b""
        if not junk:
            return
        torn = entry.get("torn") if entry["what"] == "torn" else None
        known = torn.get("sha256") if isinstance(torn, dict) else None
        if known in (sha256_of(junk), sha256_of(junk[:-1])):
            self.log.torn += 1
        else:
            number = len(self.log.hashes) + 1
            self._break(number, "changed", f"line {self._line - 1}: not an entry of a custody log")

    def _note(self, entry: dict[str, Any]) -> None:
        """Keep what an entry says of files. Its fields may be anybody's."""
        log, what = self.log, entry["what"]
        if what == "break":
            why = "when it was written, the log did not continue from where the evidence ended"
            log.findings.append(entry_finding(entry["n"], "contradiction", why))
        if what in ("ingest", "checked"):
            _keep(log.originals, entry, entry.get("recording"), entry.get("source"), inside=False)
        for file in _listed(entry.get("results")):
            _keep(log.results, entry, file.get("path"), file)
        for file in (
            *_listed([entry.get("artifact")]),
            *_listed(entry.get("beside")),
            *_listed(entry.get("artifacts")),
        ):
            _keep(log.artifacts, entry, file.get("path"), file)


def entry_finding(number: int, what: What, why: str) -> Finding:
    """A finding about an entry of the log."""
    return Finding("record", what, f"{CUSTODY}, entry {number}", (why,))


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _keep(
    known: dict[str, Said], entry: dict[str, Any], name: Any, file: Any, *, inside: bool = True
) -> None:
    sha256 = file.get("sha256") if isinstance(file, dict) else None
    if not (isinstance(name, str) and isinstance(sha256, str) and is_plain(name, inside=inside)):
        return
    of = entry.get("recording")
    stage = f"stage {entry['stage']}" if isinstance(entry.get("stage"), str) else entry["what"]
    known[name] = Said(sha256, entry["n"], f"{stage} of {of}" if isinstance(of, str) else stage)


def check_artifacts(out: Path, log: Log) -> Iterator[Finding]:
    """Compare the results of stages that are still kept with what the log says of them. Missing
    ones do not matter, because they are made again when needed."""
    for name, said in log.artifacts.items():
        path = out / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            sha256 = read_state(path).sha256
        except ReelmillError as error:
            yield Finding("artifact", "unreadable", name, (str(error),))
            continue
        if sha256 != said.sha256:
            details = (f"sha256: {said.sha256} -> {sha256}", f"entry {said.entry}: {said.what}")
            yield Finding("artifact", "changed", name, details)


def check_head(log: Log | None, wanted: Head, whose: str) -> Finding | None:
    """Check that the log continues from a head that was recorded elsewhere.

    Args:
        log: the log as it was read.
        wanted: the head.
        whose: where it is recorded, for people.
    """
    found = 0 if log is None else len(log.hashes)
    if log is None:
        return Finding("record", "missing", CUSTODY, (f"{whose}: {wanted.words}",))
    if wanted.entries > found:
        why = f"{whose}: {wanted.words}; the log ends with entry {found}: its end was cut off"
        return entry_finding(found + 1, "missing", why)
    if not log.has(wanted):
        why = f"sha256 in {whose}: {wanted.sha256} -> {log.hashes[wanted.entries - 1]}"
        return entry_finding(wanted.entries, "changed", why)
    return None


def find_head(log: Log | None, sha256: str) -> int:
    """The entry whose hash somebody kept.

    Raises:
        InputError: no entry of the log has it.
    """
    if log is not None and sha256 in log.hashes:
        return log.hashes.index(sha256) + 1
    raise InputError(f"no entry has the SHA-256 {sha256}: it, or one before it, was changed or cut")
