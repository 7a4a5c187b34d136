"""Probe: find out what a recording contains."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Media
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.media.probe import probe


@dataclass(frozen=True)
class Probe(FileStage):
    """Reads the headers of the original. Raises InputError if it is not a recording."""

    name = "probe"
    version = 2
    display_name = "Reading the file format"
    commands = ("voice", "subtitle", "faces")
    produces = Media

    def run(self, context: StageContext, inputs: Inputs) -> Media:
        return probe(context.recording)
