"""An output folder on which something is done outside of a run: it is locked, and the custody log
and the evidence say what was done."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.atomic import write_bytes
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.recording import Recording
from reelmill.engine.stage import Stage
from reelmill.engine.state.adoption import DATABASE
from reelmill.engine.state.artifact_store import Saved
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import not_ours, whose
from reelmill.errors import ForeignFolderError, UsageError
from reelmill.evidence.custody.chain import SCHEMA, Chain, Head, head
from reelmill.evidence.paths import Folder
from reelmill.evidence.reading import read_evidence
from reelmill.evidence.record import EVIDENCE, Evidence, recorded_head
from reelmill.evidence.write import Result, write_evidence
from reelmill.runs.output_folder import alone_in_this_process


@dataclass
class CaseFolder:
    """An output folder that is ours to work in.

    Attributes:
        out: the folder.
        evidence: what is on record.
        chain: the custody log.
        results: what was written and is to go on record.
        warnings: what the user should know.
    """

    out: Path
    evidence: Evidence
    chain: Chain
    results: list[Result] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def head(self) -> Head | None:
        return head(self.out)

    def note(self, what: str, **facts: Any) -> None:
        """Add an entry to the log. Raises OSError when it cannot be written."""
        if self.head is None:
            facts = {"schema": SCHEMA, **facts}
        self.chain.append(what, **facts)

    def write(self, path: Path, data: bytes) -> ExportedFile:
        """Write a file about the case, and put it on record. Raises as `atomic.replacing`."""
        write_bytes(path, data)
        name = path.relative_to(self.out).as_posix()
        written = ExportedFile(name, hashlib.sha256(data).hexdigest(), len(data))
        self.results.append(written)
        return written

    def put_on_record(self) -> None:
        """Write the evidence with what was written so far. Raises as `write_evidence`."""
        self.warnings += write_evidence(self.out, [], self.results).warnings
        self.evidence = read_evidence(self.out)


def note_stage(
    chain: Chain, out: Path, recording: Recording, stage: Stage, path: Path, saved: Saved
) -> None:
    """Add an entry about a stage's result that was made outside of a run.

    Args:
        chain: the log of `out`.
        out: the output folder.
        recording: what it was made of.
        stage: what made it.
        path: the artifact.
        saved: the artifact as it was written.
    """
    folder = Folder(out)
    beside = recording.folder
    chain.append(
        "stage",
        recording=folder.name(os.path.abspath(recording.path)),
        source={"sha256": recording.id},
        stage=stage.name,
        version=stage.version,
        artifact={"path": folder.name(path), "sha256": saved.sha256},
        beside=[
            {"path": folder.name(beside / name), "sha256": sha256}
            for name, sha256 in saved.beside.items()
        ],
    )


@contextlib.contextmanager
def open_case(out: Path, command: str = "") -> Iterator[CaseFolder]:
    """Work on an output folder: alone, through the gate, with the log open. At the end the evidence
    has what was written, and the head of the log.

    Args:
        out: the folder of results.
        command: the command whose results are written.

    Raises:
        UsageError: no folder of results, somebody else's, or a run is going on there.
    """
    out = Path(os.path.abspath(out))
    cache = out / gate.CACHE
    if not (cache / DATABASE).is_file():
        raise UsageError(f"{out}: not a folder of results; give the output folder of a run")
    key = user_key()
    with contextlib.ExitStack() as opened:
        opened.enter_context(alone_in_this_process(out))
        opened.enter_context(gate.output(out, command, [], key.seal.key_for(WRITTEN)))
        if (why := whose(cache / DATABASE, key.seal)) is not None:
            raise ForeignFolderError(not_ours(cache / DATABASE, why))
        lock = FolderLock(cache / "lock")
        lock.acquire()
        opened.callback(lock.release)
        evidence = read_evidence(out) if (out / EVIDENCE).exists() else Evidence()
        folder = Folder(out)
        gate.protect(out, [folder.locate(name) for name in evidence.originals])
        case = CaseFolder(out, evidence, Chain(out, key.seal, recorded_head(out)))
        opened.callback(case.chain.close)
        before = case.head
        yield case
        case.warnings += case.chain.problems
        if case.results or case.head != before:
            case.put_on_record()
