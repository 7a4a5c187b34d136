"""NamePersons: name persons as the user did, in this run or an earlier one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from reelmill.artifacts import HeardPersons, NamedPersons, Person, Persons
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, setting
from reelmill.export.names import SpeakerName, names_for


@dataclass(frozen=True)
class NamePersons(FileStage):
    """Applies names by letter, for one video or for all. They replace names from reference
    pictures. Names of one video are no reason to make the results of others again."""

    name: ClassVar[str] = "name_persons"
    version: ClassVar[int] = 1
    display_name = "Naming persons"
    commands = ("faces",)
    needs = (Persons,)
    produces = NamedPersons

    names: tuple[SpeakerName, ...] = setting((), affects_result=False)

    def own_key(self, recording: Recording) -> str:
        names = names_for(self.names, recording.path.name)
        return json.dumps(sorted(names.items())) if names else ""

    def run(self, context: StageContext, inputs: Inputs) -> NamedPersons:
        found = inputs[Persons]
        names = names_for(self.names, context.recording.path.name)
        there = {one.name for one in fields(found)} & {one.name for one in fields(HeardPersons)}
        kept = {name: getattr(found, name) for name in there}
        kept["persons"] = with_names(found.persons, names)
        return NamedPersons(**kept)


def with_names(persons: Iterable[Person], names: Mapping[str, str]) -> list[Person]:
    """The persons with the names given for their letters; others keep the name they have."""
    return [replace(person, name=names.get(person.label, person.name)) for person in persons]
