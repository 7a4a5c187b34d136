"""A transcript as reporters of US courts hand it in: ASCII, 25 numbered lines a page, a form feed
between pages, no times in the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from reelmill.core.times import clock
from reelmill.export.transcript.case import Case, Party
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records.condition import damage, is_whole
from reelmill.export.transcript.records.lines import pages, wrapped
from reelmill.export.transcript.records.rows import speaker_rows
from reelmill.export.transcript.records.statements import shown_name, turns

LINES_PER_PAGE = 25
_COLUMNS = 60
_MARGIN = "   "
_INDENT = " " * 5
_LOST = "[not in ASCII]"
_PUNCTUATION = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "–": "-", "—": "--", "…": "...", "\u00a0": " ", "·": "-", "•": "-", "€": "EUR ",
        "£": "GBP ", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "ł": "l", "Ł": "L", "¿": "", "¡": "",
    }
)  # fmt: skip


def court_text(document: Document, case: Case, provenance: Provenance) -> str:
    """The whole file. Arguments as of `nokchwirok`. Letters that ASCII does not have are written
    without their accents; those of other scripts become a mark in brackets."""
    sheets = [
        *pages(_cover(document, case), LINES_PER_PAGE),
        *pages(list(_body(document, case)), LINES_PER_PAGE),
        *pages(_certificate(document, provenance), LINES_PER_PAGE),
    ]
    return "\f".join(_sheet(number, lines) for number, lines in enumerate(sheets, 1))


def as_ascii(text: str) -> str:
    """Text in ASCII. A run of characters that ASCII cannot stand for becomes `[not in ASCII]`."""
    plain = unicodedata.normalize("NFKD", text.translate(_PUNCTUATION))
    written, is_lost = [], False
    for character in plain:
        if unicodedata.category(character) == "Mn":
            continue
        if character.isascii():
            written.append(character)
            is_lost = is_lost and character == " "
        elif not is_lost:
            written.append(_LOST)
            is_lost = True
    return "".join(written)


def lost_letters(document: Document) -> int:
    """How many characters of the transcript ASCII cannot stand for."""
    plain = unicodedata.normalize(
        "NFKD", "".join(one.text for one in document.transcript.segments).translate(_PUNCTUATION)
    )
    return sum(not one.isascii() and unicodedata.category(one) != "Mn" for one in plain)


def _sheet(number: int, lines: list[str]) -> str:
    filled = [*lines, *[""] * (LINES_PER_PAGE - len(lines))]
    numbered = [f"{place:>2}{_MARGIN}{line}".rstrip() for place, line in enumerate(filled, 1)]
    return "\n".join([f"{number:>{_COLUMNS + 5}}", *numbered, ""])


def _cover(document: Document, case: Case) -> list[str]:
    transcript = document.transcript
    spans = ", ".join(f"{_when(one.start)}-{_when(one.end)}" for one in case.excerpts)
    facts = [
        ("Court", case.court),
        ("Case number", case.number),
        ("Title", case.title),
        ("Requested by", case.client),
        ("Recording", shown_name(document)),
        ("Recorded", case.date),
        ("Place", case.place),
        ("Medium", case.medium),
        ("Length", _when(transcript.duration)),
        ("Extent", f"excerpts {spans}" if spans else _extent(document)),
        *(("Condition", f"{one.label}: {one.text}") for one in damage(document)),
    ]
    lines = ["TRANSCRIPT OF AUDIO RECORDING".center(_COLUMNS).rstrip(), ""]
    lines += ["DRAFT -- MACHINE TRANSCRIPT, NOT CERTIFIED".center(_COLUMNS).rstrip(), ""]
    for name, value in facts:
        lines += wrapped(as_ascii(value or ""), _COLUMNS, f"{name + ':':<15}", " " * 15)
    lines += ["", "Speakers:"]
    for label, name, role, _ in speaker_rows(document, case, "not told apart", _when):
        described = ", ".join(one for one in (name, role) if one)
        lines += wrapped(as_ascii(described), _COLUMNS, as_ascii(f"  {label}: "), " " * 6)
    return lines


def _extent(document: Document) -> str:
    return "the whole recording" if is_whole(document) else "what could be read (see Condition)"


def _body(document: Document, case: Case) -> Iterator[str]:
    for number, said in enumerate(turns(document, case, {})):
        if number:
            yield "(Portion omitted.)".center(_COLUMNS).rstrip()
        if not said:
            yield "(No words were transcribed.)".center(_COLUMNS).rstrip()
        for turn in said:
            party = case.party(turn.speaker)
            name = _spoken_by(turn.speaker, party)
            text = as_ascii(turn.text)
            yield from wrapped(text, _COLUMNS, f"{_INDENT}{name}:  ")


def _spoken_by(label: str | None, party: Party | None) -> str:
    """A name in capitals; the label where the name has other letters than ASCII's."""
    names = (one for one in (party and party.name, label) if one)
    written = next((plain for one in names if _LOST not in (plain := as_ascii(one))), "")
    return (written if len(written) > 1 else f"speaker {written}").strip().upper()


def _certificate(document: Document, provenance: Provenance) -> list[str]:
    source = document.source
    lines = ["CERTIFICATE".center(_COLUMNS).rstrip(), ""]
    lines += wrapped(
        "I certify that the foregoing is a correct transcript of the recording named above, to "
        "the best of my ability. (To be completed by the transcriber after comparison with the "
        "recording; blank in a draft.)",
        _COLUMNS,
        _INDENT,
    )
    lines += ["", "Date: " + "_" * 20, "", "Transcriber: " + "_" * 40, ""]
    facts = [
        f"SHA-256 {source.sha256[:32]}",
        f"        {source.sha256[32:]}",
        f"MD5     {source.md5}",
        f"Size    {source.size:,} bytes",
        f"Made by Reelmill {provenance.version}",
    ]
    facts += [f"{model.purpose.capitalize()} {model.name}" for model in provenance.models]
    return [*lines, *(as_ascii(fact)[:_COLUMNS] for fact in facts)]


def _when(seconds: float) -> str:
    return clock(int(seconds) * 1000, ".")[:-4]
