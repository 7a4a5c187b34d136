"""Rows 24 to 31 and 33: the records, and whether `verify` can be deceived or stopped."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.attacks.inputs import call, hiss
from benchmarks.attacks.originals import VOICE, tables_in
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import Ran, Sandbox

_VERIFY_S = 20.0
#: JSON nested more deeply than Python's parser can follow.
DEEP = "[" * 200_000 + "]" * 200_000


def finished(box: Sandbox) -> Path:
    """A finished folder with two recordings, in which `verify` finds nothing."""
    call(box.root / "in" / "call.wav")
    hiss(box.root / "in" / "noise.wav")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    assert ran.exit_code == 0, ran.text
    return box.root / "out"


def tampered(
    cases: Cases, name: str, tamper: Callable[[Path], object], options: tuple[str, ...] = ()
) -> Ran:
    """Let `verify` look at a copy with something changed in it: it must say so and end with 1."""
    box = cases.box
    if not (box.root / "out").exists():
        finished(box)
    place = box.root / re.sub(r"\W+", "-", name)
    for folder in ("in", "out"):
        shutil.copytree(box.root / folder, place / folder, symlinks=True)
    tamper(place)
    ran = box.run("verify", place / "out", *options, seconds=_VERIFY_S)
    noticed = ran.exit_code == 1
    missed = int(ran.exit_code == 0)
    cases.case(name, noticed, "noticed" if noticed else ended(box, ran) or "OK", missed=missed)
    return ran


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def edit_evidence(place: Path, edit: Callable[[Any], object]) -> None:
    """Change `evidence.json` in place."""
    path = place / "out" / "evidence.json"
    evidence = read_json(path)
    edit(evidence)
    path.write_text(json.dumps(evidence), encoding="utf-8")


def drop_lines(place: Path, of: str) -> None:
    """Take a file's line out of the manifest."""
    path = place / "out" / "manifest.sha256"
    lines = [line for line in path.read_text().splitlines(True) if of not in line]
    path.write_text("".join(lines))


def relist(place: Path, name: str) -> None:
    """Give a file's line in the manifest the hash that it has now."""
    path = place / "out" / name
    drop_lines(place, f"  {name}\n")
    add_line(place, name, hashlib.sha256(path.read_bytes()).hexdigest())


def add_line(place: Path, name: str, sha256: str) -> None:
    with (place / "out" / "manifest.sha256").open("a") as manifest:
        manifest.write(f"{sha256}  {name}\n")


def _name_of(evidence: Any, end: str) -> str:
    return next(name for name in evidence["originals"] if name.endswith(end))


@row(
    24,
    "evidence.json edited and its line dropped from the manifest",
    how="recorded times, differences and mtimes rewritten; an original's entry removed everywhere",
    right="no line for evidence.json: RECORDS DISAGREE; the manifest's hash, kept elsewhere, shows "
    "the rest",
)
def edited_evidence(box: Sandbox) -> Outcome:
    cases = Cases(box)

    def edit(field: str, value: object) -> Callable[[Path], None]:
        def rewrite(evidence: Any) -> None:
            for entry in evidence["originals"].values():
                entry[field] = value

        def tamper(place: Path) -> None:
            edit_evidence(place, rewrite)
            drop_lines(place, "evidence.json")

        return tamper

    tampered(cases, "times", edit("before_at", "2020-01-01T00:00:00+00:00"))
    tampered(cases, "differences", edit("differences", []))

    def forget(place: Path) -> None:
        edit_evidence(place, lambda e: e["originals"].pop(_name_of(e, "noise.wav")))
        drop_lines(place, "noise.wav")
        drop_lines(place, "evidence.json")

    tampered(cases, "an entry removed everywhere", forget)

    def touch(place: Path) -> None:
        path = place / "in" / "noise.wav"
        os.utime(path, ns=(10**18, 10**18))
        edit_evidence(place, lambda e: _set_times(e["originals"][_name_of(e, "noise.wav")]))
        drop_lines(place, "evidence.json")

    tampered(cases, "an original's time", touch)
    return cases.end()


def _set_times(entry: Any) -> None:
    for state in (entry["before"], entry["after"]):
        state["mtime_ns"] = 10**18


@row(
    25,
    "a forged result added with a line in the manifest",
    how="confession.txt and its hash",
    right="in the manifest but not in evidence.json: RECORDS DISAGREE",
)
def listed_forgery(box: Sandbox) -> Outcome:
    cases = Cases(box)

    def forge(place: Path) -> None:
        forged = place / "out" / "confession.txt"
        forged.write_text("I did it.\n")
        add_line(place, forged.name, hashlib.sha256(forged.read_bytes()).hexdigest())

    tampered(cases, "confession.txt", forge)
    return cases.end()


@row(
    26,
    "verify: a FIFO as evidence.json or manifest",
    how="mkfifo in the place of each; of a result; of an original",
    right="told as unreadable, without waiting",
    seconds=100,
)
def fifo_records(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name in ("out/evidence.json", "out/manifest.sha256", "out/call.txt", "in/call.wav"):

        def replace(place: Path, name: str = name) -> None:
            (place / name).unlink()
            os.mkfifo(place / name)

        tampered(cases, name, replace)
    return cases.end()


@row(
    27,
    "verify and run: deep JSON, a NUL in a name",
    how="evidence.json nested 200,000 deep; a result named with a NUL; deep model_profiles.json",
    right="damaged, and said; no traceback",
    seconds=90,
)
def deep_json(box: Sandbox) -> Outcome:
    cases = Cases(box)
    tampered(cases, "deep evidence", lambda place: (place / "out/evidence.json").write_text(DEEP))

    def name_with_nul(place: Path) -> None:
        edit_evidence(
            place, lambda e: e["results"].update({"a\0b": {"sha256": "0" * 64, "size": 1}})
        )

    tampered(cases, "a NUL in a name", name_with_nul)
    (box.root / "out" / "evidence.json").write_text(DEEP)
    ran = box.run("voice", "in", "-o", "out", *VOICE[:-1], "json,txt,srt")
    cases.case("a run on deep evidence", orderly(ran), ended(box, ran))
    for path in box.home.rglob("model_profiles.json"):
        path.write_text(DEEP)
    box.plant("home/.cache/reelmill/model_profiles.json", DEEP)
    box.moving(box.home / ".cache/reelmill/model_profiles.json")  # it is ours to mend
    ran = box.run("voice", "in", "-o", "out3", *VOICE)
    cases.case("a run on deep model profiles", ran.exit_code == 0, ended(box, ran))
    return cases.end()


@row(
    28,
    "verify: terminal escapes and new lines in evidence.json",
    how="hashes with ESC[2J and with a line that says OK",
    right="hashes are hex, details printable",
)
def escapes_in_evidence(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name, forged in (
        ("escape", "\x1b[2J\x1b[31m"),
        ("new line", "\nOK: 2 originals and 6 results are as recorded."),
    ):

        def write(place: Path, forged: str = forged) -> None:
            edit_evidence(place, lambda e: e["results"]["call.txt"].update(sha256=forged))
            edit_evidence(
                place,
                lambda e: e["originals"][_name_of(e, "call.wav")]["before"].update(md5=forged),
            )

        ran = tampered(cases, name, write)
        raw = "\x1b" in ran.text or any(line.startswith("OK") for line in ran.text.splitlines())
        cases.case(f"{name} printed", not raw, "raw" if raw else "no")
    return cases.end()


@row(
    29,
    "damaged contents of the ledger; .cache/logs a file or a link",
    how="columns of JSON that hold no JSON; logs, runs and artifacts as files; a folder in the "
    "place of the ledger and of the lock",
    right="told as damage, with what to do; no traceback",
    seconds=150,
)
def damaged_cache(box: Sandbox) -> Outcome:
    cases = Cases(box)
    finished(box)

    def damage(name: str, tamper: Callable[[Path], object]) -> None:
        place = box.root / re.sub(r"\W+", "-", name)
        box.copy(box.root / "out", place)
        tamper(place / ".cache")
        ran = box.run("voice", "in", "-o", place.name, *VOICE[:-1], "json,txt,srt")
        cases.case(name, orderly(ran), ended(box, ran))

    for column in ("failure", "after", "files", "facts"):
        damage(f"ledger {column}", lambda cache, c=column: _spoil(cache, c))  # type: ignore[misc]
    for name in ("logs", "runs", "artifacts"):
        damage(f"{name} a file", lambda cache, n=name: _as_file(cache / n))  # type: ignore[misc]
    for name in ("ledger.sqlite", "lock"):
        damage(f"{name} a folder", lambda cache, n=name: _as_folder(cache / n))  # type: ignore[misc]
    return cases.end()


def _spoil(cache: Path, column: str) -> None:
    """Write what is no JSON into a column, in whatever table has it."""
    for database in cache.glob("*.sqlite"):
        with closing(sqlite3.connect(database)) as db, db:
            for table in tables_in(db):
                if column in [one[1] for one in db.execute(f'PRAGMA table_info("{table}")')]:
                    db.execute(f'UPDATE "{table}" SET "{column}" = ?', ('{"no": json',))


def _as_file(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.write_text("a file")


def _as_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "inside").mkdir(parents=True)


@row(
    30,
    "report.html cannot be replaced",
    how="a folder that is not empty in its place",
    right="evidence first, each by itself; exit code 1 or 3",
)
def report_in_the_way(box: Sandbox) -> Outcome:
    hiss(box.root / "in" / "noise.wav")
    box.plant("out/report.html/kept.txt", "not ours")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    if ran.exit_code == 2:
        return Outcome(ended(box, ran), "report.html" in ran.text)
    records = [(box.root / "out" / name).exists() for name in ("evidence.json", "manifest.sha256")]
    told = "evidence written" if all(records) else "NO evidence written"
    return Outcome(f"{told}; {ended(box, ran)}", all(records) and ran.exit_code in (1, 3))


@row(
    31,
    "--fresh for one recording",
    how="two recordings done; voice in/call.wav --fresh into the same folder",
    right="only the recordings of the call are forgotten",
)
def fresh_for_one(box: Sandbox) -> Outcome:
    out = finished(box)
    ran = box.run("voice", "in/call.wav", "-o", "out", *VOICE, "--fresh")
    originals = read_json(out / "evidence.json")["originals"]
    verified = box.run("verify", "out")
    listed = (out / "manifest.sha256").read_text()
    lost = [name for name in ("call.txt", "noise.txt", "noise.wav") if name not in listed]
    again = box.run("voice", "in", "-o", "out", *VOICE)
    reused = read_json(out / "performance_report.json").get("reused", 0)
    ok = ran.exit_code == verified.exit_code == again.exit_code == 0 and not lost
    told = f"{len(originals)} of 2 originals on record; "
    told += f"no longer in the manifest: {', '.join(lost)}" if lost else "all in the manifest"
    return Outcome(f"{told}; {reused} reused afterwards", ok and len(originals) == 2)


@row(
    33,
    "a moved results folder, resumed",
    how="mv out x/moved; voice in -o x/moved; verify",
    right="the same content under a new name replaces the lost one",
)
def moved_folder(box: Sandbox) -> Outcome:
    out = finished(box)
    moved = box.root / "x" / "moved"
    box.move(out, moved)
    ran = box.run("voice", "in", "-o", "x/moved", *VOICE[:-1], "json,txt,srt")
    verified = box.run("verify", "x/moved")
    told = f"{ended(box, ran)}; verify: {ended(box, verified)} {box.told(verified.stdout)}"
    return Outcome(told, ran.exit_code == 0 and verified.exit_code == 0)


@row(
    "33b",
    "other tamperings with a finished folder",
    how="results and originals changed, removed, touched; lines and entries changed; the manifest "
    "or the evidence removed; made links",
    right="each is noticed",
    seconds=150,
)
def other_tamperings(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name, tamper in _TAMPERINGS.items():
        tampered(cases, name, tamper)
    outcome = cases.end()
    if outcome.ok:
        outcome.told = f"{len(_TAMPERINGS)} noticed"
    return outcome


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _link_to_a_copy(path: Path) -> None:
    copy = path.parent.parent / f"copy of {path.name}"
    shutil.copy2(path, copy)
    path.unlink()
    path.symlink_to(copy)


def _linked_folder(place: Path) -> None:
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "confession.txt").write_text("I did it.\n")
    (place / "out" / "more").symlink_to(place / "elsewhere")


def _same_size(path: Path) -> None:
    """Other content with the same size and time."""
    state, data = path.stat(), bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


_TAMPERINGS: dict[str, Callable[[Path], object]] = {
    "result appended": lambda place: _append(place / "out/call.txt"),
    "result changed": lambda place: _same_size(place / "out/call.json"),
    "result removed": lambda place: (place / "out/call.txt").unlink(),
    "result emptied": lambda place: (place / "out/call.txt").write_bytes(b""),
    "report changed": lambda place: _append(place / "out/report.html"),
    "original changed": lambda place: _same_size(place / "in/call.wav"),
    "original removed": lambda place: (place / "in/call.wav").unlink(),
    "original touched": lambda place: os.utime(place / "in/call.wav", (1, 1)),
    "originals swapped": lambda place: _swap(place / "in/call.wav", place / "in/noise.wav"),
    "results swapped": lambda place: _swap(place / "out/call.txt", place / "out/noise.txt"),
    "manifest removed": lambda place: (place / "out/manifest.sha256").unlink(),
    "manifest emptied": lambda place: (place / "out/manifest.sha256").write_bytes(b""),
    "evidence removed": lambda place: (place / "out/evidence.json").unlink(),
    "evidence edited": lambda place: edit_evidence(place, lambda e: e.update(version="9")),
    "line dropped": lambda place: drop_lines(place, "call.txt"),
    "line of an original dropped": lambda place: drop_lines(place, "call.wav"),
    "hash in the manifest": lambda place: _relisted(place, "call.txt"),
    "entry dropped": lambda place: _drop_entry(place, "call.txt"),
}
_LINKS: dict[str, Callable[[Path], object]] = {
    "a result made a link": lambda place: _link_to_a_copy(place / "out/call.txt"),
    "an original made a link": lambda place: _link_to_a_copy(place / "in/call.wav"),
    "a linked folder added": _linked_folder,
}


def _swap(one: Path, two: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)


def _relisted(place: Path, name: str) -> None:
    """A result changed together with its line; the evidence still shows it."""
    _append(place / "out" / name)
    relist(place, name)


def _drop_entry(place: Path, name: str) -> None:
    """A result's entry removed, and the evidence's own line adapted."""
    edit_evidence(place, lambda evidence: evidence["results"].pop(name))
    relist(place, "evidence.json")


@row(
    "w6",
    "verify: a result or an original replaced by a link; a linked folder added",
    how="links to copies with the same content; a folder linked in; verify --strict for the last",
    right="noticed: what was a file is a link now; a linked folder is a file not in the manifest",
    seconds=90,
)
def links_for_files(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name, tamper in _LINKS.items():
        strict = name == "a linked folder added"
        tampered(cases, name, tamper, ("--strict",) if strict else ())
    return cases.end()


@row(
    "w7",
    "verify: an original and all its hashes changed together",
    how="original, evidence.json and manifest rewritten to agree; a result likewise",
    right="only an anchor kept elsewhere shows it: the run and verify print the manifest's own "
    "SHA-256",
)
def all_hashes_changed(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    before = hashlib.sha256((box.root / "out" / "manifest.sha256").read_bytes()).hexdigest()
    _rewrite_everything(box.root)
    verified = box.run("verify", "out")
    after = hashlib.sha256((box.root / "out" / "manifest.sha256").read_bytes()).hexdigest()
    printed = [before in ran.text, after in verified.text]
    ok = all(printed) or verified.exit_code == 1
    names = ("the run", "verify")
    said = [name for name, is_there in zip(names, printed, strict=True) if is_there]
    told = f"the manifest's hash is printed by {' and '.join(said) or 'nobody'}"
    anchors = [] if verified.exit_code == 1 else ["original and all its hashes changed together"]
    return Outcome(f"{told}; verify alone: {ended(box, verified)}", ok, anchors=anchors)


def _rewrite_everything(place: Path) -> None:
    original = place / "in" / "call.wav"
    _append(original)
    data, state = original.read_bytes(), original.stat()
    sha256 = hashlib.sha256(data).hexdigest()
    now = {
        "sha256": sha256,
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "size": state.st_size,
        "mtime_ns": state.st_mtime_ns,
    }
    more = {"inode": state.st_ino, "ctime_ns": state.st_ctime_ns, "device": state.st_dev}

    def rewrite(evidence: Any) -> None:
        for entry in evidence["originals"].values():
            for known in (entry["before"], entry["after"]):
                known.update(now | {name: v for name, v in more.items() if name in known})

    name = _name_of(read_json(place / "out" / "evidence.json"), "call.wav")
    edit_evidence(place, rewrite)
    drop_lines(place, f"  {name}\n")
    add_line(place, name, sha256)
    relist(place, "evidence.json")


@row(
    "w8",
    "verify: a file added beside the results",
    how="verify and verify --strict with confession.txt in the folder",
    right="named; with --strict exit code 1",
)
def added_file(box: Sandbox) -> Outcome:
    cases = Cases(box)

    def add(place: Path) -> None:
        (place / "out" / "confession.txt").write_text("I did it.\n")

    ran = tampered(cases, "verify --strict", add, ("--strict",))
    cases.case("its name", "confession.txt" in ran.text, "told" if "confession" in ran.text else "")
    return cases.end()
