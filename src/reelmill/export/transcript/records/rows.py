"""Rows of tables that records of several countries have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reelmill.export.transcript.case import Case
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records.statements import seconds_by_speaker


def speaker_rows(
    document: Document, case: Case, label: str, when: Callable[[float], str]
) -> Iterator[tuple[str, str, str, str]]:
    """Each speaker's label, name, role and time; `label` where nobody told speakers apart."""
    for speaker, seconds in seconds_by_speaker(document):
        party = case.party(speaker)
        name, role = (None, None) if party is None else (party.name, party.role)
        yield speaker or label, name or "", role or "", when(seconds)


def model_rows(
    provenance: Provenance, purposes: Mapping[str, str], identity: str, digest: str
) -> Iterator[tuple[str, str]]:
    """The models that decided the text.

    Args:
        provenance: how the text was made.
        purposes: what models are for, in the record's language.
        identity, digest: the names of the two values, which follow the purpose.
    """
    for model in provenance.models:
        purpose = purposes.get(model.purpose, model.purpose)
        yield f"{purpose}{identity}", f"{model.name} ({model.identity})"
        for file, sha256 in model.sha256:
            yield f"{purpose}{digest}", f"{sha256} ({file})"


def setting_rows(document: Document, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The settings that were given, by their `names` in the record's language."""
    for name, value in document.settings.items():
        if value is not None:
            yield names.get(name, name), f"{value}"
