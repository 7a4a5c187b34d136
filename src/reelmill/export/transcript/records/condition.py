"""What a record says of the state of the recording itself: what of it is damaged or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reelmill.artifacts.summary import Finding
from reelmill.export.transcript.document import Document

#: What is told of each kind of damage, and whether sound is missing from the record because of it.
_IS_MISSING = {
    "truncated": True,
    "missing sound": True,
    "damaged sound": True,
    "sound not read": True,
    "late track": True,
    "joined recordings": False,
    "doubtful times": False,
    "beyond its header": False,
}


def is_whole(document: Document) -> bool:
    """Whether all sound of the recording could be read, as far as its file tells."""
    return not any(_IS_MISSING.get(one.label) for one in document.transcript.findings)


def damage(document: Document) -> Iterator[Finding]:
    """What is damaged, missing or doubtful in the recording, in the order in which it was found."""
    return (one for one in document.transcript.findings if one.label in _IS_MISSING)


def damage_rows(
    document: Document, title: str, words: Mapping[str, str], when: Callable[[float], str]
) -> Iterator[tuple[str, str]]:
    """A row for each damage: what it is in the record's language, and from when to when."""
    for one in damage(document):
        times = " – ".join(when(at) for at in (one.start, one.end) if at is not None)
        said = words[one.label]
        yield title, f"{said} ({times})" if times else said
