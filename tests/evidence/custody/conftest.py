"""A folder with a log, as a run leaves it: an original, an artifact, a result, evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.core.keys import user_key
from reelmill.core.recording import read_state
from reelmill.evidence import OriginalRecord, Verification, verify, write_evidence
from reelmill.evidence.custody.chain import CUSTODY, Chain
from reelmill.evidence.record import recorded_head

ARTIFACT = ".cache/artifacts/ab/align-0123456789abcdef.json"


@dataclass
class Case:
    """An output folder with a custody log."""

    out: Path
    call: Path

    def lines(self) -> list[bytes]:
        return (self.out / CUSTODY).read_bytes().splitlines(keepends=True)

    def put(self, lines: list[bytes]) -> None:
        (self.out / CUSTODY).write_bytes(b"".join(lines))

    def change(self, name: str, at: int = -3) -> None:
        """Change one byte of a file."""
        data = bytearray((self.out / name).read_bytes())
        data[at] ^= 1
        (self.out / name).write_bytes(data)

    def add(self, *entries: tuple[str, dict[str, Any]]) -> list[str]:
        """Add entries and write the evidence, as a run does. Gives what was wrong before."""
        chain = Chain(self.out, user_key().seal, recorded_head(self.out))
        for what, facts in entries:
            chain.append(what, **facts)
        chain.close()
        state = read_state(self.call)
        write_evidence(self.out, [OriginalRecord(self.call, state, 1.0)], [self.out / "call.txt"])
        return chain.problems

    def wrong(self, **options: Any) -> list[str]:
        """What verify finds, in its own words without the details."""
        checked: Verification = verify(self.out, **options)
        return [one.lines()[0] for one in checked.findings]


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    out, call = tmp_path / "out", tmp_path / "통화.m4a"
    call.write_bytes(b"sound of a call")
    with gate.output(out, "voice", [call]):
        write_text(out / "call.txt", "text")
        write_text(out / ARTIFACT, "words and their times")
        made = Case(out, call)
        sha256 = {name: read_state(out / name).sha256 for name in ("call.txt", ARTIFACT)}
        source = {"recording": "../통화.m4a", "source": {"sha256": read_state(call).sha256}}
        artifact = {"path": ARTIFACT, "sha256": sha256[ARTIFACT]}
        result = {"path": "call.txt", "sha256": sha256["call.txt"], "size": 4}
        made.add(
            ("run", {"command": "voice"}),
            ("ingest", source),
            ("stage", {**source, "stage": "align", "artifact": artifact}),
            ("export", {"recording": "../통화.m4a", "results": [result]}),
            ("finished", {"recording": "../통화.m4a", "status": "done"}),
        )
        yield made
