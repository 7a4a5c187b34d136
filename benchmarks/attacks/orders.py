"""Rows 5, 6, 15 and 19 to 21: files among the evidence act as settings or code, or pass for our
work."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.attacks.inputs import CALL_WORD, OTHER_WORD, call, hiss, other
from benchmarks.attacks.originals import VOICE, artifacts
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import Ran, Sandbox, text_below

_MORE_FORMATS = (*VOICE[:-1], "json,txt,srt")
#: The word with which a forger replaces what was said.
_FORGED = "PISTOL"
_SOMEBODY = 12345


@row(
    5,
    "reelmill.toml among the evidence",
    how='cd evidence; voice . -o ../out; the toml says engine="whisperx" python="venv"; another '
    "one only formats",
    right="no configuration from the current folder; what is read is named in the first lines",
)
def configuration_among_evidence(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "evidence" / "call.wav")
    box.program("evidence/venv/bin/python")
    box.plant("evidence/reelmill.toml", 'engine = "whisperx"\npython = "venv"\n')
    ran = box.run("voice", ".", "-o", "../out", "--model", "demo", cwd="evidence")
    cases.case("a program", orderly(ran) and not box.canary.exists(), ended(box, ran))
    box.plant("evidence/reelmill.toml", 'formats = "tsv"\n')
    ran = box.run("voice", ".", "-o", "../out2", *VOICE[:-2], cwd="evidence")
    obeyed = not (box.root / "out2" / "call.json").exists()
    told = "its settings were obeyed" if obeyed else ended(box, ran)
    cases.case("formats", ran.exit_code == 0 and not obeyed, told)
    return cases.end()


@row(
    "5b",
    "Python modules and programs among the evidence",
    how="cd evidence with json.py, numpy.py, reelmill/__init__.py, ffmpeg; voice and doctor",
    right="nothing is imported or run from the current folder",
)
def modules_among_evidence(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "evidence" / "call.wav")
    for name in ("json", "numpy", "socket", "importlib", "reelmill/__init__", "av", "encodings"):
        box.plant(f"evidence/{name}.py", f"open({str(box.canary)!r}, 'w').close()\n")
    for name in ("ffmpeg", "python", "nvidia-smi"):
        box.program(f"evidence/{name}")
    ran = box.run("voice", ".", "-o", "../out", *VOICE, cwd="evidence")
    cases.case("voice", ran.exit_code == 0, ended(box, ran))
    ran = box.run("doctor", "-o", "../out", cwd="evidence")
    cases.case("doctor", orderly(ran), ended(box, ran))
    return cases.end()


@row(
    6,
    "a planted analysis-results/.cache in the evidence",
    how="results made by the same program elsewhere, with PISTOL in the place of a word: the "
    "cache alone, the cache with its ledger, the whole folder; then voice . by another user",
    right="refused, or recomputed and said; never adopted without --adopt",
    seconds=120,
)
def planted_results(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name, keep in (
        ("cache without ledger", lambda path: "artifacts" in path.parts),
        ("cache with ledger", lambda path: ".cache" in path.parts),
        ("the whole folder", lambda path: True),
    ):
        folder = box.root / name.replace(" ", "-")
        call(folder / "call.wav")
        box.run("voice", ".", *VOICE, cwd=folder.name, user="forger")
        out = folder / "analysis-results"
        _forge(box, out)
        _keep_only(out, keep)
        ran = box.run("voice", ".", *VOICE, cwd=folder.name)
        adopted = _adopted(ran, out)
        told = "the forged words were adopted" if adopted else ended(box, ran)
        cases.case(name, orderly(ran) and not adopted, told, forged=int(adopted))
    return cases.end()


@row(
    "6b",
    "a whole folder made elsewhere, and what a user may order",
    how="as in row 6, the whole folder; then voice . --fresh, --adopt, --adopt --fresh",
    right="--fresh builds on nothing found there and replaces no file of others; --adopt alone "
    "takes it and says so",
    seconds=90,
)
def folder_made_elsewhere(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for order in ("--fresh", "--adopt", "--adopt --fresh"):
        folder = box.root / order.replace(" ", "")
        call(folder / "call.wav")
        box.run("voice", ".", *VOICE, cwd=folder.name, user="forger")
        out = folder / "analysis-results"
        _forge(box, out)
        ran = box.run("voice", ".", *_MORE_FORMATS, *order.split(), cwd=folder.name)
        words = (out / "call.srt").read_text() if (out / "call.srt").exists() else ""
        if "--fresh" in order:
            wrong = _FORGED in words
            cases.case(order, orderly(ran) and not wrong, ended(box, ran), forged=int(wrong))
        else:
            said = any("adopt" in line.lower() for line in ran.text.splitlines())
            cases.case(order, orderly(ran) and said, f"{'said' if said else 'NOT said'}; "
                       f"{ended(box, ran)}")  # fmt: skip
    return cases.end()


def _forge(box: Sandbox, out: Path) -> None:
    """Put other words into every result and artifact. The results are then files of somebody else;
    a file in a cache under one of our names may be made again."""
    for path in sorted(out.rglob("*")):
        if path.suffix in (".json", ".txt") and path.is_file():
            text = path.read_text(encoding="utf-8")
            if CALL_WORD not in text:
                continue
            if ".cache" in path.parts:
                path.write_text(text.replace(CALL_WORD, _FORGED), encoding="utf-8")
            else:
                box.plant(path, text.replace(CALL_WORD, _FORGED))


def _keep_only(out: Path, keep: Callable[[Path], bool]) -> None:
    for path in sorted(out.rglob("*")):
        if path.is_file() and not keep(path.relative_to(out)):
            path.unlink()


def _adopted(ran: Ran, out: Path) -> bool:
    """Whether a run that calls itself done left forged words in the results."""
    return ran.exit_code == 0 and _FORGED in text_below(out)


@row(
    15,
    "a shared folder: .cache made by another user",
    how=".cache belongs to another user, or is writable by all; he writes into spill files and "
    "artifacts while we run",
    right="a .cache that is not ours, or writable by others, is refused; no pickle is read from "
    "disk; .cache is 0700",
)
def shared_folder(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name in ("call", "call2", "call3"):
        call(box.root / "in" / f"{name}.wav")
    for name, mode, owner in (("writable by all", 0o777, -1), ("another user's", 0o755, _SOMEBODY)):
        if owner != -1 and os.geteuid() != 0:
            continue
        out = box.root / name.replace(" ", "-").replace("'", "")
        cache = out / ".cache"
        cache.mkdir(parents=True)
        for folder in (out, cache):
            folder.chmod(mode)
            os.chown(folder, owner, owner)
        with _Spiller(box, cache):
            ran = box.run("voice", "in", "-o", out.name, *VOICE)
        used = any(cache.rglob("*.json"))
        told = "used as it is" if used else ended(box, ran)
        cases.case(name, orderly(ran) and not used, told)
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    mode = (box.root / "out" / ".cache").stat().st_mode & 0o777
    cases.case("mode of a new .cache", mode == 0o700, f"{mode:04o}")
    return cases.end()


class _Spiller:
    """An attacker who can write into a cache: puts a pickle that runs a program into every file
    that might hold pickles, as soon as it exists."""

    def __init__(self, box: Sandbox, cache: Path) -> None:
        self._pickle = f"cposix\nsystem\n(S': > {box.canary}'\ntR.".encode()
        self._cache = cache
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._over.is_set():
            for folder, _, names in os.walk(self._cache):
                for name in names:
                    if "spill" in name:
                        self._replace(Path(folder, name))

    def _replace(self, path: Path) -> None:
        try:
            with path.open("r+b") as file:
                if len(file.read(len(self._pickle))) == len(self._pickle):
                    file.seek(0)
                    file.write(self._pickle)
        except OSError:  # it is gone already
            return


@row(
    19,
    "a poisoned artifact in .cache",
    how="PISTOL written into a finished folder's artifacts; the next run has one more format",
    right="each artifact is checked when it is loaded",
)
def poisoned_artifact(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    box.run("voice", "in", "-o", "out", *VOICE)
    out, edited = box.root / "out", 0
    for path, data in artifacts(out):
        text = json.dumps(data, ensure_ascii=False)
        if CALL_WORD in text:
            path.write_text(text.replace(CALL_WORD, _FORGED), encoding="utf-8")
            edited += 1
    ran = box.run("voice", "in", "-o", "out", *_MORE_FORMATS)
    adopted = _adopted(ran, out)
    told = "the forged words were adopted" if adopted else ended(box, ran)
    return Outcome(f"{edited} edited: {told}", bool(edited) and orderly(ran), forged=int(adopted))


@row(
    20,
    "the artifacts of two recordings swapped",
    how="each stage's result takes the other recording's place; the next run has one more format",
    right="the key and the recording in an artifact are compared when it is loaded",
)
def swapped_artifacts(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    other(box.root / "in" / "other.wav")
    box.run("voice", "in", "-o", "out", *VOICE)
    out = box.root / "out"
    places: dict[str, list[tuple[Path, dict[str, Any]]]] = {}
    for path, data in artifacts(out):
        if "named" not in path.parts:
            places.setdefault(path.name.split("-")[0], []).append((path, data))
    swapped = 0
    for pair in places.values():
        if len(pair) == 2:
            (one, first), (two, second) = pair
            one.write_text(json.dumps(second))
            two.write_text(json.dumps(first))
            swapped += 1
    ran = box.run("voice", "in", "-o", "out", *_MORE_FORMATS)
    said = {name: (out / f"{name}.srt") for name in ("call", "other")}
    words = {name: path.read_text() if path.exists() else "" for name, path in said.items()}
    wrong = OTHER_WORD in words["call"] or CALL_WORD in words["other"]
    told = "the transcripts are swapped" if wrong else ended(box, ran)
    ok = swapped > 3 and orderly(ran)
    return Outcome(f"{swapped} pairs: {told}", ok, forged=2 * int(wrong))


@row(
    21,
    "a copied output folder",
    how="voice --keep-audio; cp -r to another place, txt removed there; voice on the copy",
    right="paths in the ledger are relative: a copy works and touches nothing elsewhere",
)
def copied_folder(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    hiss(box.root / "in" / "noise.wav")
    box.run("voice", "in", "-o", "old", *VOICE, "--keep-audio")
    old, new = box.root / "old", box.root / "new"
    box.copy(old, new)
    for path in new.glob("*.txt"):
        path.unlink()
    before = _tree(old)
    ran = box.run("voice", "in", "-o", "new", *VOICE)
    changed = sorted(str(name) for name in before.keys() ^ _tree(old).keys())
    lost = [name for name in ("call.txt", "noise.txt") if not (new / name).exists()]
    told = [f"missing in the copy: {', '.join(lost)}"] if lost else []
    told += [f"gone from the old place: {changed[0]}"] if changed else []
    told += [ended(box, ran)]
    return Outcome("; ".join(told), orderly(ran) and not lost and before == _tree(old))


def _tree(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
