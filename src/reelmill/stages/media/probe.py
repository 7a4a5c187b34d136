"""Probe: what a recording contains."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Media
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs
from reelmill.media.probe import probe


@dataclass(frozen=True)
class Probe(FileStage):
    """Reads the headers of the original. Raises InputError for what is not a recording."""

    name = "probe"
    version = 1
    produces = Media

    def run(self, recording: Recording, inputs: Inputs) -> Media:
        return probe(recording)
