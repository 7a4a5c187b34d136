"""`reelmill case`: sign, time-stamp, pack and show the evidence of a folder of results."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import EXIT_DONE
from reelmill.core.printable import printable
from reelmill.errors import InputError, UsageError
from reelmill.evidence.custody import signing, timestamp
from reelmill.evidence.custody.bag import Bag, write_bag
from reelmill.evidence.custody.chain import CUSTODY, NoEntryError, head, parse_entry
from reelmill.evidence.custody.hashdeep import hashdeep_lines
from reelmill.evidence.custody.heads import (
    AUTHORITY,
    PUBLIC_KEY,
    REPLY,
    REQUEST,
    SIGNATURE,
    STATEMENT,
    Statement,
    new_statement,
    read_statement,
    statement_files,
)
from reelmill.evidence.manifest import manifest_sha256
from reelmill.evidence.paths import Folder
from reelmill.evidence.reading import read_evidence, read_record
from reelmill.runs.case_folder import CaseFolder, open_case


@dataclass(frozen=True)
class Wanted:
    """The requested actions on a case; the names are those of the options."""

    sign: bool = False
    signing_key: Path | None = None
    timestamp_request: bool = False
    timestamp: str | None = None
    timestamp_reply: Path | None = None
    tsa_ca: Path | None = None
    viewed: Sequence[str] | None = None
    note: str | None = None
    by: str | None = None
    bag: Path | None = None
    with_originals: bool = False
    hashdeep: bool = False
    log: bool = False

    @property
    def writes(self) -> bool:
        """Whether anything is written into the folder."""
        given = (self.note, self.timestamp, self.timestamp_reply, self.bag)
        flags = self.sign or self.timestamp_request or bool(self.viewed)
        return flags or any(one is not None for one in given)

    @property
    def who(self) -> dict[str, str]:
        """The person, where one is named."""
        return {} if self.by is None else {"person": self.by}


def run_case(out: Path, wanted: Wanted) -> int:
    """`reelmill case`.

    Args:
        out: the folder of results.
        wanted: what to do; nothing: print the head of the log.

    Returns:
        The exit code.

    Raises:
        UsageError: no folder of results, a key or package is missing, or an option does not fit.
        InputError: a file differs from its record, or a time stamp is not valid.
    """
    if wanted.hashdeep:
        for line in hashdeep_lines(out, read_evidence(out)):
            sys.stdout.buffer.write(line)
        sys.stdout.flush()
    if wanted.log:
        for text in _told(out):
            print(text)
    if wanted.writes:
        with open_case(out) as case:
            for text in _done(case, wanted):
                print(printable(text))
        for text in case.warnings:
            print(printable(f"warning: {text}"), file=sys.stderr)
    if not (wanted.hashdeep or wanted.log):
        found = head(out)
        print(f"{CUSTODY}: {'there is none' if found is None else found.words}")
    return EXIT_DONE


def _done(case: CaseFolder, wanted: Wanted) -> Iterator[str]:
    """Carry out the requested actions, and return lines about them."""
    for name in wanted.viewed or ():
        yield _view(case, name, wanted)
    if wanted.note is not None and not wanted.viewed:
        case.note("note", text=wanted.note, **wanted.who)
        yield "noted"
    if wanted.sign:
        yield _sign(case, wanted)
    if wanted.timestamp_request or wanted.timestamp is not None:
        yield _stamp(case, wanted)
    if wanted.timestamp_reply is not None:
        yield _take_reply(case, wanted, _read(wanted.timestamp_reply))
    if wanted.bag is not None:
        yield _pack(case, wanted, wanted.bag)


def _view(case: CaseFolder, name: str, wanted: Wanted) -> str:
    folder = Folder(case.out)
    recording = name if name in case.evidence.originals else folder.name(Path(name).absolute())
    if recording not in case.evidence.originals:
        raise UsageError(f"--viewed {name}: not an original of {case.out}")
    source = {"sha256": case.evidence.state(recording).sha256}
    note = {} if wanted.note is None else {"text": wanted.note}
    case.note("view", recording=recording, source=source, **note, **wanted.who)
    return f"noted that {recording} was viewed"


def _statement(case: CaseFolder) -> Statement:
    """The statement about the head as it is now: a new one, unless there is one."""
    found = case.head
    if found is None:
        case.note("note", text="custody begins")
        found = case.head
    assert found is not None
    statement = new_statement(case.out, found, manifest_sha256(case.out))
    path = statement.beside(STATEMENT)
    if path.exists():
        return read_statement(path)
    case.write(path, statement.data)
    return statement


def _about(statement: Statement) -> dict[str, Any]:
    return {"entries": statement.head.entries, "head": statement.head.sha256}


def _sign(case: CaseFolder, wanted: Wanted) -> str:
    key = signing.load_key(wanted.signing_key)
    statement = _statement(case)
    signature, public = signing.sign(statement.data, key)
    written = [
        case.write(statement.beside(SIGNATURE), signature),
        case.write(statement.beside(PUBLIC_KEY), public),
    ]
    signer = signing.fingerprint(signing.read_public(public))
    facts = {"key_sha256": signer, "results": [asdict(one) for one in written]}
    case.note("signed", **_about(statement), **facts, **wanted.who)
    return f"signed entry {statement.head.entries} with the key {signer}"


def _stamp(case: CaseFolder, wanted: Wanted) -> str:
    statement = _statement(case)
    request = timestamp.new_request(statement.data)
    case.write(statement.beside(REQUEST), request)
    case.note("timestamp request", **_about(statement), **wanted.who)
    if wanted.timestamp is None:
        return (
            f"{statement.beside(REQUEST)}: send this to a time-stamping authority, and give its "
            "reply with --timestamp-reply"
        )
    case.note("timestamp sent", **_about(statement), address=wanted.timestamp)
    return _take_reply(case, wanted, timestamp.send(wanted.timestamp, request))


def _take_reply(case: CaseFolder, wanted: Wanted, reply: bytes) -> str:
    """Keep a reply beside the request that it answers."""
    roots = None if wanted.tsa_ca is None else _read(wanted.tsa_ca)
    problem = InputError(f"{case.out}: no time stamp was asked for; use --timestamp-request first")
    for path in statement_files(case.out):
        statement = read_statement(path)
        if not statement.beside(REQUEST).exists():
            continue
        request = read_record(statement.beside(REQUEST))
        try:
            stamp = timestamp.check_reply(statement.data, request, reply, roots)
        except InputError as error:
            problem = error
            continue
        written = [case.write(statement.beside(REPLY), reply)]
        if roots is not None:
            written.append(case.write(statement.beside(AUTHORITY), roots))
        at, by = stamp.at.isoformat(), stamp.authority
        facts = {"time": at, "authority": by, "results": [asdict(one) for one in written]}
        case.note("timestamp", **_about(statement), **facts, **wanted.who)
        return f"entry {statement.head.entries} is time-stamped: {at} by {by}"
    raise problem


def _pack(case: CaseFolder, wanted: Wanted, bag: Path) -> str:
    if case.results:
        case.put_on_record()
    tags = {"hashdeep.txt": b"".join(hashdeep_lines(case.out, case.evidence))}
    made: Bag = write_bag(
        case.out, bag, case.evidence, case.head, tags, with_originals=wanted.with_originals
    )
    case.note(
        "bag",
        bag=str(bag.absolute()),
        files=made.files,
        bytes=made.size,
        originals=wanted.with_originals,
        tagmanifest_sha256=made.sha256,
        **wanted.who,
    )
    return (
        f"{bag}: {made.files:,} files, {made.size:,} bytes; check it with `reelmill verify {bag}` "
        f"or `bagit.py --validate {bag}`"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def _told(out: Path) -> Iterator[str]:
    """The log, an entry a line."""
    try:
        lines = read_record(out / CUSTODY).splitlines(keepends=True)
    except InputError as error:
        raise UsageError(str(error)) from error
    for line in lines:
        try:
            yield printable(_words(parse_entry(line)))
        except NoEntryError:
            yield "(a line that was broken off)"


def _words(entry: dict[str, Any]) -> str:
    who = entry.get("person") or entry.get("user")
    subject = [entry.get(name) for name in ("stage", "command", "recording", "text", "status")]
    results = entry.get("results")
    files = [one.get("path") for one in results] if isinstance(results, list) else []
    about = " ".join(str(one) for one in [*subject, *files] if one is not None)
    return f"{entry['n']:>6}  {entry['at']}  {who}@{entry.get('host')}  {entry['what']}  {about}"
