"""Rows 1 to 4, 16 to 18, 22 and 32: files of others, overwritten or removed."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.attacks.inputs import call, film, hiss, other, talk
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import Sandbox

VOICE = ("--model", "demo", "--no-align", "--diarizer", "none", "--formats", "json,txt")
SUBTITLE = ("--model", "demo", "--translator", "demo", "--no-align", "--formats", "srt")
FACES = ("--identity", "appearance")


def wait_for_work(box: Sandbox, out: Path) -> object:
    """A condition: a run has begun to write artifacts into `out`."""
    return any((out / ".cache").rglob("*.json"))


@row(
    1,
    "an original named *.spill.*",
    how="voice ./*.wav -o ., kill -9, the same again",
    right="sweeps touch only our own names below our own cache",
)
def spool_names(box: Sandbox) -> Outcome:
    work = box.root / "calls"
    names = ["spool 1.spill.left.wav", "b.wav", "c.wav"]
    for seed, name in enumerate(names):
        hiss(work / name, 2.0, seed)
    box.plant("calls/notes.spill.txt", "the clerk's notes")
    command = ("voice", *(f"./{name}" for name in names), "-o", ".", *VOICE)
    first = box.start(*command, cwd="calls")
    first.wait_until(lambda: wait_for_work(box, work), 20.0)
    first.kill()
    box.finish(first)
    again = box.run(*command, cwd="calls")
    return Outcome(f"the second run: {ended(box, again)}", orderly(again))


@row(
    2,
    "an original is another recording's result name",
    how="film.mp4 and film.subtitled.mp4 with --mux -o .; p.mp4 and p.split.mp4 with --layout "
    "split -o .",
    right="all targets are checked against all sources before the run, and when they are written",
    seconds=90,
)
def other_results_names(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name in ("film.mp4", "film.subtitled.mp4"):
        film(box.root / "films" / name)
    command = ("subtitle", "film.mp4", "film.subtitled.mp4", "-o", ".", "--mux", *SUBTITLE)
    ran = box.run(*command, cwd="films")
    cases.case("--mux", orderly(ran), ended(box, ran))
    for name in ("p.mp4", "p.split.mp4"):
        talk(box.root / "people" / name)
    command = ("faces", "p.mp4", "p.split.mp4", "-o", ".", "--layout", "split", *FACES)
    ran = box.run(*command, cwd="people")
    cases.case("split", orderly(ran), ended(box, ran))
    return cases.end()


@row(
    3,
    "the output folder is the recordings' folder by another name",
    how="-o callslink, a link to calls, in which film.subtitled.mp4 and talk.txt lie; -o calls/.",
    right="folders and files are compared by device and inode",
    seconds=90,
)
def aliased_folder(box: Sandbox) -> Outcome:
    cases = Cases(box)
    calls = box.root / "calls"
    for name in ("film.mp4", "film.subtitled.mp4"):
        film(calls / name)
    (box.root / "callslink").symlink_to("calls")
    ran = box.run("subtitle", "calls", "-o", "callslink", "--mux", *SUBTITLE)
    cases.case("film", orderly(ran), ended(box, ran))
    hiss(box.root / "more" / "talk.wav")
    box.plant("more/talk.txt", "the clerk's own transcript")
    (box.root / "morelink").symlink_to(box.root / "more")
    ran = box.run("voice", "more", "-o", "morelink", *VOICE)
    cases.case("talk.txt", orderly(ran), ended(box, ran))
    return cases.end()


@row(
    4,
    "files that were in the output folder before",
    how="a clerk's talk.txt; another mp4 in party.clips",
    right="only what we have on record as ours is replaced or removed; a recording whose results "
    "would take such a place fails with a sentence",
)
def earlier_files(box: Sandbox) -> Outcome:
    cases = Cases(box)
    hiss(box.root / "in" / "talk.wav")
    box.plant("out/talk.txt", "the clerk's own transcript")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    cases.case("talk.txt", orderly(ran) and ran.exit_code != 0, ended(box, ran))
    talk(box.root / "videos" / "party.mp4")
    box.plant("clips/party.clips/cam2 original.mp4", "somebody's only copy")
    ran = box.run("faces", "videos", "-o", "clips", *FACES)
    cases.case("party.clips", orderly(ran), ended(box, ran))
    return cases.end()


@row(
    16,
    "links in the output folder",
    how=".cache/lock -> ~/.bashrc; NAME.clips, .cache/runs, .cache/artifacts, ledger.sqlite, logs "
    "-> elsewhere",
    right="nothing is followed through links below the output folder",
    seconds=120,
)
def links_in_the_output_folder(box: Sandbox) -> Outcome:
    cases = Cases(box)
    hiss(box.root / "in" / "talk.wav")
    box.plant("home/.bashrc", "export PATH=$PATH:~/bin\n")
    for at, (link, target) in enumerate(
        [
            (".cache/lock", "home/.bashrc"),
            (".cache/ledger.sqlite", "elsewhere/ledger.sqlite"),
            (".cache/artifacts", "elsewhere/artifacts"),
            (".cache/runs", "elsewhere/runs"),
            (".cache/logs", "elsewhere/logs"),
            (".cache", "elsewhere/cache"),
        ]
    ):
        out = box.root / f"out{at}"
        _link(box, out / link, target)
        ran = box.run("voice", "in", "-o", out.name, *VOICE)
        cases.case(link, orderly(ran) and not _followed(box, target), ended(box, ran))
    talk(box.root / "videos" / "talk.mp4")
    box.plant("elsewhere/holiday/holiday.mp4", "a holiday")
    link = box.root / "clips" / "talk.clips"
    _link(box, link, "elsewhere/holiday")
    ran = box.run("faces", "videos", "-o", "clips", *FACES)
    inside = _followed(box, "elsewhere/holiday", but=("holiday.mp4",))
    cases.case("talk.clips", orderly(ran) and not inside, ended(box, ran))
    return cases.end()


def _link(box: Sandbox, link: Path, target: str) -> None:
    """A link in an output folder, whose target exists and contains files."""
    place = box.root / target
    if target.endswith(("/runs", "/logs", "/cache", "/artifacts")):
        for number in range(60):  # more than the product keeps of its own
            box.plant(f"{target}/2020{number:04}.jsonl", "{}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.parent.chmod(0o700)
    link.symlink_to(place)


def _followed(box: Sandbox, target: str, but: tuple[str, ...] = ()) -> bool:
    """Whether anything was written where a link led."""
    place = box.root / target
    if place.name == ".bashrc":
        return False  # compared with all other files
    if place.name == "ledger.sqlite":
        return place.exists()
    names = {path.name for path in place.iterdir()} if place.is_dir() else set()
    return any(not name.startswith("2020") and name not in but for name in names)


@row(
    17,
    "ledger.sqlite edited",
    how="a path of the user's put into every list of files; the next run",
    right="only plain names below the recording's own folder are removed",
)
def edited_ledger(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    thesis = box.plant("home/thesis.docx", "three years of work")
    first = box.run("voice", "in", "-o", "out", *VOICE)
    edited = 0
    for database in (box.root / "out" / ".cache").glob("*.sqlite"):
        for path in (str(thesis), "../../../../../../home/thesis.docx"):
            edited += _add_to_lists(database, path)
    if first.exit_code != 0 or not edited:
        return Outcome(f"no ledger with lists of files to edit ({ended(box, first)})", False)
    again = box.run("voice", "in", "-o", "out", *VOICE[:-1], "json,txt,srt")
    return Outcome(f"{edited} rows edited; the next run: {ended(box, again)}", orderly(again))


def _add_to_lists(database: Path, path: str) -> int:
    """Append a path to every JSON list of texts in a database; how many there were."""
    count = 0
    with closing(sqlite3.connect(database)) as db, db:
        for table in tables_in(db):
            columns = [column[1] for column in db.execute(f'PRAGMA table_info("{table}")')]
            for column in columns:
                rows = db.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
                for rowid, value in rows:
                    if (files := _names(value)) is not None:
                        told = json.dumps([*files, path])
                        statement = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
                        db.execute(statement, (told, rowid))
                        count += 1
    return count


def tables_in(db: sqlite3.Connection) -> list[str]:
    """The names of a database's tables."""
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return [str(name) for (name,) in rows]


def _names(value: object) -> list[str] | None:
    """A list of file names in a cell; None when it holds something else."""
    if not isinstance(value, str) or not value.startswith("["):
        return None
    try:
        names = json.loads(value)
    except ValueError:
        return None
    is_names = bool(names) and all(isinstance(name, str) for name in names)
    return names if is_names else None


@row(
    18,
    "names in artifacts",
    how="an absolute clip name in plan_clips; `thumbnails` that name a private key",
    right="files named inside artifacts are plain names",
)
def names_in_artifacts(box: Sandbox) -> Outcome:
    cases = Cases(box)
    talk(box.root / "in" / "talk.mp4")
    holiday = box.plant("home/holiday.mp4", "a holiday")
    secret = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"c2VjcmV0" * 40
    key = box.plant("home/.ssh/id_rsa", secret)
    box.run("faces", "in", "-o", "out", *FACES, "--formats", "csv")
    for path, data in artifacts(box.root / "out", "plan_clips"):
        for clip in data["data"]["clips"]:
            clip["name"] = str(holiday.with_suffix(""))
        path.write_text(json.dumps(data))
    ran = box.run("faces", "in", "-o", "out", *FACES, "--formats", "json")
    cases.case("a clip's name", ran.exit_code == 0, ended(box, ran))
    for path, data in artifacts(box.root / "out", "render_faces"):
        thumbnails = {"A": str(key), "B": "../../../../../home/.ssh/id_rsa"}
        data["data"] |= {"pieces": [], "thumbnails": thumbnails}
        data["data"]["sounds"] = [None for _ in data["data"]["sounds"]]
        path.write_text(json.dumps(data))
    for ledger in (box.root / "out" / ".cache").glob("ledger.sqlite*"):
        ledger.unlink()
    ran = box.run("faces", "in", "-o", "out", *FACES, "--formats", "json,csv")
    pages = "".join(path.read_text() for path in (box.root / "out").glob("*.html"))
    leaked = base64.b64encode(secret).decode()[:40] in pages
    told = "KEY IN THE PAGE" if leaked else ended(box, ran)
    cases.case("thumbnails", ran.exit_code == 0 and not leaked, told)
    return cases.end()


def artifacts(out: Path, stage: str = "") -> Iterator[tuple[Path, dict]]:
    """The stage results in an output folder's cache, those of one stage or of all."""
    for path in sorted((out / ".cache").rglob(f"{stage}*.json")):
        data = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if isinstance(data, dict) and "data" in data:
            yield path, data


@row(
    22,
    "two commands, one output folder",
    how="subtitle of f.mp4, then voice of f.ko.wav; faces of talk.mp4, then voice of "
    "talk.faces.wav",
    right="another recording's or command's result is never taken",
    seconds=90,
)
def two_commands(box: Sandbox) -> Outcome:
    cases = Cases(box)
    film(box.root / "a" / "f.mp4")
    other(box.root / "b" / "f.ko.wav")
    box.run("subtitle", "a", "-o", "out", *SUBTITLE)
    _second_command(cases, box, "f.ko.srt", "b")
    talk(box.root / "c" / "talk.mp4")
    other(box.root / "d" / "talk.faces.wav")
    box.run("faces", "c", "-o", "out", *FACES)
    _second_command(cases, box, "talk.faces.json", "d")
    return cases.end()


def _second_command(cases: Cases, box: Sandbox, result: str, folder: str) -> None:
    path = box.root / "out" / result
    before = path.read_bytes() if path.exists() else b""
    ran = box.run("voice", folder, "-o", "out", *VOICE[:-1], "json,txt,srt")
    kept = bool(before) and path.read_bytes() == before
    told = "kept" if kept else "replaced by the second command's" if before else "never written"
    cases.case(result, kept and orderly(ran), f"{told} ({ended(box, ran)})")


@row(
    32,
    "recordings below the output folder",
    how="voice calls -o calls/2024, in which voicemail.wav lies; the same with -o calls",
    right="refused, or done safely; recordings inside it are counted, not skipped silently",
)
def recordings_below_the_output_folder(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for out in ("2024", "."):
        calls = box.root / f"calls{len(out)}"
        hiss(calls / "a.wav")
        call(calls / "2024" / "voicemail.wav")
        ran = box.run("voice", calls.name, "-o", f"{calls.name}/{out}", *VOICE)
        told = ran.exit_code == 2 or "voicemail" in ran.text or _counts_left_out(ran.text)
        cases.case(f"-o calls/{out}", orderly(ran) and told, ended(box, ran))
    return cases.end()


def _counts_left_out(text: str) -> bool:
    lines = [line for line in text.lower().splitlines() if any(c.isdigit() for c in line)]
    return any("left out" in line or "skipped" in line or "not looked" in line for line in lines)
