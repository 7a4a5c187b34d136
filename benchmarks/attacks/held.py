"""Attacks that failed against version 0.1.0, if they are cheap to try again."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sqlite3
import struct
import zipfile
from contextlib import closing
from pathlib import Path

from benchmarks.attacks.inputs import call, hiss, spoken, talk
from benchmarks.attacks.originals import FACES, VOICE, artifacts, wait_for_work
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import REELMILL, Sandbox, text_below
from benchmarks.attacks.verification import DEEP
from benchmarks.attacks.weak import listening
from tests.faults.kit import small_disk

_SECRET = "the contents of another local file"


@row(
    "h1",
    "playlists that name addresses and local files",
    how="24 of them, named .mp4 and .wav, asking a port on loopback and naming secret.wav",
    right="no connection; no local contents in the results; each fails by itself",
    seconds=120,
)
def playlists(box: Sandbox) -> Outcome:
    secret = call(box.root / "elsewhere" / "secret.wav")
    box.plant("elsewhere/secret.txt", _SECRET)
    with listening() as (port, asked):
        for number, (name, text) in enumerate(_playlists(f"127.0.0.1:{port}", secret)):
            box.plant(f"in/{number:02}{name}.{'mp4' if number % 2 else 'wav'}", text)
        hiss(box.root / "in" / "good.wav")
        ran = box.run("voice", "in", "-o", "out", *VOICE)
    leaked = "Emma" in text_below(box.root / "out") or _SECRET in text_below(box.root / "out")
    good = (box.root / "out" / "good.txt").exists()
    told = f"{len(asked)} connections{', LEAKED' if leaked else ''}; {ended(box, ran)}"
    return Outcome(told, ran.exit_code == 1 and good and not asked and not leaked)


def _playlists(host: str, secret: Path) -> list[tuple[str, str]]:
    http, file = f"http://{host}/a.ts", f"file://{secret}"
    mpd = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    mpd += '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>'
    found = []
    for kind, target in (("http", http), ("file", file), ("path", str(secret))):
        found += [
            (f"hls-{kind}", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n"),
            (f"hlskey-{kind}", f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXTINF:9,\n'
             f"{target}\n#EXT-X-ENDLIST\n"),
            (f"concat-{kind}", f"ffconcat version 1.0\nfile '{target}'\n"),
            (f"dash-{kind}", f"{mpd}{target}</BaseURL></Representation></AdaptationSet></Period>"
             "</MPD>"),
            (f"m3u-{kind}", f"#EXTM3U\n{target}\n"),
            (f"asx-{kind}", f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'),
            (f"pls-{kind}", f"[playlist]\nFile1={target}\nNumberOfEntries=1\n"),
        ]  # fmt: skip
    found += [
        ("sdp", f"v=0\no=- 0 0 IN IP4 {host}\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 "
         "RTP/AVP 0\n"),
        ("qt", f'<?xml version="1.0"?><?quicktime type="application/x-quicktime-media-link"?>'
         f'<embed src="{http}"/>'),
        ("smil", f'<smil><body><audio src="{http}"/></body></smil>'),
    ]  # fmt: skip
    return found


@row(
    "h2",
    "special files among the recordings",
    how="links to /etc/passwd and devices, FIFO, socket, link loop, dangling link, a folder named "
    ".wav, hard links",
    right="each fails or is left out by itself; nothing hangs",
)
def special_files(box: Sandbox) -> Outcome:
    folder = box.root / "in"
    hiss(folder / "good.wav")
    os.link(folder / "good.wav", folder / "hard.wav")
    for name, target in (
        ("passwd", "/etc/passwd"), ("zero", "/dev/zero"), ("null", "/dev/null"),
        ("random", "/dev/urandom"), ("tty", "/dev/tty"), ("loop", "loop.wav"), ("gone", "gone"),
        ("proc", "/proc/version"),
    ):  # fmt: skip
        (folder / f"{name}.wav").symlink_to(target)
    os.mkfifo(folder / "fifo.wav")
    (folder / "folder.wav").mkdir()
    with closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(os.path.relpath(folder / "socket.wav"))
    ran = box.run("voice", "in", "-o", "out", *VOICE, seconds=40)
    good = (box.root / "out" / "good.txt").exists()
    return Outcome(ended(box, ran), orderly(ran) and good and "root:" not in ran.text)


@row(
    "h3",
    "markup and escapes in names",
    how="recordings named <img onerror>, <script>, quotes, ESC and new lines",
    right="escaped in report.html and on the terminal",
)
def markup_in_names(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for name in (
        "<img src=x onerror=alert(1)>", "\"><script>alert(1)<", "'; alert(1)//"[:-2],
        "javascript:alert(1)", "a\x1b[2J\x1b]0;x\x07b", "new\nOK: line", "&lt;b&gt;",
        "[bold red]x[/]", "{{7*7}}",
    ):  # fmt: skip
        hiss(box.root / "in" / f"{name}.wav", 0.5)
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    page = (box.root / "out" / "report.html").read_text()
    raw = [text for text in ("<img src=x", "<script>alert", "49.wav") if text in page]
    cases.case("report.html", not raw, ", ".join(raw))
    shown = "\x1b" in ran.text or "\x07" in ran.text or "\nOK: line" in ran.text
    cases.case("terminal", orderly(ran) and not shown, "raw" if shown else ended(box, ran))
    verified = box.run("verify", "out")
    shown = "\x1b" in verified.text or verified.exit_code != 0
    cases.case("verify", not shown, ended(box, verified))
    return cases.end()


class _Runs:
    """The effect of a pickle of the attacker's."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f": > '{self.canary}'",)


@row(
    "h4",
    "weights that are pickles; broken model folders",
    how="--identity evil.pt (old and new), --speaker-encoder, --detector and --model with junk",
    right="refused without running anything",
    seconds=90,
)
def hostile_models(box: Sandbox) -> Outcome:
    cases = Cases(box)
    talk(box.root / "in" / "talk.mp4")
    evil = pickle.dumps(_Runs(box.canary), protocol=2)
    box.plant("old.pt", evil)
    with zipfile.ZipFile(box.root / "new.pt", "w") as file:
        file.writestr("archive/data.pkl", evil)
        file.writestr("archive/version", "3\n")
    box.plant("junk.onnx", os.urandom(5000))
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"):
        box.plant(f"model/{name}", "{}" if name.endswith("json") else evil)
    for name, arguments in (
        ("old.pt", ("faces", "in", "-o", "out", "--identity", "./old.pt")),
        ("new.pt", ("faces", "in", "-o", "out", "--identity", "./new.pt")),
        ("--model", ("voice", "in", "-o", "out", "--model", "./model")),
        ("--detector", ("faces", "in", "-o", "out", "--detector", "./junk.onnx", *FACES)),
        ("--encoder", ("voice", "in", "-o", "out", "--model", "demo", "--no-align",
                       "--speaker-encoder", "./junk.onnx")),
    ):  # fmt: skip
        ran = box.run(*arguments)
        cases.case(name, ran.exit_code in (1, 2, 3), ended(box, ran))
    return cases.end()


@row(
    "h5",
    "result files made as links beforehand",
    how="out/noise.txt -> diary.txt, out/report.html and evidence.json -> others",
    right="not followed",
)
def results_as_links(box: Sandbox) -> Outcome:
    hiss(box.root / "in" / "noise.wav")
    (box.root / "out").mkdir()
    for name in ("noise.txt", "noise.json", "report.html", "evidence.json", "manifest.sha256"):
        target = box.plant(f"home/diary of {name}", "dear diary")
        (box.root / "out" / name).symlink_to(target)
        box.moving(box.root / "out" / name)  # a lost link does not matter; a lost target would
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    return Outcome(ended(box, ran), orderly(ran))


@row(
    "h6",
    "headers that claim too much",
    how="wav of 2^31 and 2^32 samples, 65,535 channels, rate 0, no channels; a GIF of 65,000 x "
    "65,000",
    right="each by itself, in bounded memory",
    seconds=90,
)
def large_claims(box: Sandbox) -> Outcome:
    folder = box.root / "in"
    for name, channels, rate, size in (
        ("huge", 1, 8000, 0xFFFFFFFF), ("half", 1, 8000, 0x7FFFFFFF), ("wide", 65_535, 8000, 8000),
        ("none", 0, 8000, 8000), ("still", 1, 0, 8000), ("fast", 1, 0xFFFFFFFF, 8000),
    ):  # fmt: skip
        block = max(1, 2 * channels) & 0xFFFF
        head = struct.pack("<HHIIHH", 1, channels, rate, (2 * rate) & 0xFFFFFFFF, block, 16)
        data = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt \x10\0\0\0" + head
        box.plant(f"in/{name}.wav", data + b"data" + struct.pack("<I", size) + bytes(16_000))
    call(folder / "good.wav")
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    cases = Cases(box)
    good = (box.root / "out" / "good.txt").exists()
    told = f"{ran.peak_mb:,.0f} MB; {ended(box, ran)}"
    cases.case("wav", orderly(ran) and good and ran.peak_mb < 2000, told)
    screen = b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + b"\xf0\0\0" + bytes(6)
    picture = b"\x2c" + struct.pack("<HHHH", 0, 0, 65_000, 65_000) + b"\0\x02\x02\x4c\x01\0;"
    box.plant("a/gif.gif", screen + picture)
    ran = box.run("faces", "a/gif.gif", "-o", "out2", *FACES)
    cases.case("gif", orderly(ran) and ran.peak_mb < 2000, f"{ran.peak_mb:,.0f} MB")
    return cases.end()


@row(
    "h7",
    "a full disk",
    how="the output on 1 MB, then on 60 MB: the same command",
    right="stopped or failed in order; nothing lost when resumed",
    seconds=90,
)
def full_disk(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    hiss(box.root / "in" / "noise.wav", 40.0)
    disk = box.root / "disk"
    with small_disk(disk, "1m", needed=False) as remount:
        command = ("voice", "in", "-o", disk / "out", *VOICE)
        first = box.run(*command)
        if not remount("size=60m"):
            return Outcome("", True, skipped="needs a small disk, which may not be mounted here")
        again = box.run(*command)
        done = (disk / "out" / "call.txt").exists() and (disk / "out" / "noise.txt").exists()
        verified = box.run("verify", disk / "out")
    told = f"full: {ended(box, first)}; resumed: {ended(box, again)}"
    ok = orderly(first) and first.exit_code != 0 and again.exit_code == verified.exit_code == 0
    return Outcome(told, ok and done)


@row(
    "h8",
    "kill -9, three times, and again",
    how="the coordinator killed at three moments; then to the end",
    right="nothing lost or doubled; verify OK",
)
def killed(box: Sandbox) -> Outcome:
    for number in range(3):
        call(box.root / "in" / f"{number}.wav")
    command = ("voice", "in", "-o", "out", *VOICE)
    for stage in ("probe", "speech", "transcribe"):
        running = box.start(*command)
        cache = box.root / "out" / ".cache"
        running.wait_until(lambda c=cache, s=stage: any(c.rglob(f"{s}-*.json")), 20.0)  # type: ignore[misc]
        os.kill(running.process.pid, signal.SIGKILL)
        box.finish(running)
    ran = box.run(*command)
    verified = box.run("verify", "out")
    done = len(list((box.root / "out").glob("[0-9].txt")))
    left = [path.name for path in (box.root / "out").rglob("*.reelmill-part")]
    ok = ran.exit_code == verified.exit_code == 0 and done == 3 and not left
    return Outcome(f"{done} of 3 done, {len(left)} left behind; {ended(box, ran)}", ok)


@row(
    "h9",
    "a second run in the same folder",
    how="while the first is at work",
    right="refused, naming the first",
)
def second_run(box: Sandbox) -> Outcome:
    for number in range(12):
        spoken(box.root / "in" / f"{number}.mp3", "mp3", "libmp3lame")
    command = ("voice", "in", "-o", "out", "--model", "demo")
    first = box.start(*command)
    first.wait_until(lambda: wait_for_work(box, box.root / "out"), 20.0)
    second = box.run(*command, seconds=20.0)
    ran = box.finish(first)
    named = str(first.process.pid) in second.text
    ok = second.exit_code == 2 and named and ran.exit_code == 0
    return Outcome(f"{ended(box, second)}; the first: {ended(box, ran)}", ok)


@row(
    "h10",
    "a poor environment",
    how="ulimit -n 32; ulimit -s 512; LC_ALL=C without HOME; a name that is no UTF-8",
    right="done, or refused with a reason",
    seconds=90,
)
def poor_environment(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "in" / "call.wav")
    noise = hiss(box.root / "in" / "noise.wav")
    noise.rename(os.fsdecode(os.fsencode(noise.parent) + b"/bad \xff name.wav"))
    for name, shell in (
        ("ulimit -n 32", 'ulimit -n 32; exec "$0" "$@"'),
        ("ulimit -s 512", 'ulimit -s 512; exec "$0" "$@"'),
        ("locale C", 'unset HOME XDG_CONFIG_HOME XDG_CACHE_HOME; LC_ALL=C exec "$0" "$@"'),
    ):
        out = name.replace(" ", "")
        program = ("bash", "-c", shell, REELMILL)
        ran = box.run("voice", "in", "-o", out, *VOICE, program=program)
        cases.case(name, orderly(ran), ended(box, ran))
    return cases.end()


@row(
    "h11",
    "damaged artifacts and ledgers",
    how="each artifact empty, cut, binary, null, a list, deep; the ledger empty, without tables, "
    "junk, removed; then one more format",
    right="made again, or refused with what to do",
    seconds=150,
)
def damaged_artifacts(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "in" / "call.wav")
    box.run("voice", "in", "-o", "out", *VOICE)
    for name, damage in (
        ("empty", b""), ("cut", None), ("binary", bytes(range(256))), ("null", b"null"),
        ("list", b"[1]"), ("deep", DEEP.encode()),
    ):  # fmt: skip
        place = box.root / f"art-{name}"
        box.copy(box.root / "out", place)
        for path, _ in list(artifacts(place)):
            path.write_bytes(path.read_bytes()[:100] if damage is None else damage)
        ran = box.run("voice", "in", "-o", place.name, *VOICE[:-1], "json,txt,srt")
        cases.case(f"artifacts {name}", ran.exit_code == 0, ended(box, ran))
    for name in ("empty", "no tables", "junk", "removed"):
        place = box.root / f"ledger-{name}"
        box.copy(box.root / "out", place)
        _damage_ledger(place / ".cache", name)
        ran = box.run("voice", "in", "-o", place.name, *VOICE[:-1], "json,txt,srt")
        cases.case(f"ledger {name}", ran.exit_code in (0, 2), ended(box, ran))
    return cases.end()


def _damage_ledger(cache: Path, how: str) -> None:
    for path in cache.glob("*.sqlite*"):
        path.unlink()
        if path.suffix != ".sqlite" or how == "removed":
            continue
        if how == "no tables":
            with closing(sqlite3.connect(path)) as db, db:
                db.execute("CREATE TABLE other (x)")
        else:
            path.write_bytes(b"" if how == "empty" else os.urandom(4096))


@row(
    "h12",
    "names in the ledger that lead out of the folder",
    how="../../home/evil and an absolute path as the recording's name; the next run",
    right="nothing is written outside the output folder",
)
def names_in_the_ledger(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "in" / "call.wav")
    absolute = str(box.root / "home" / "evil")
    for kind, name in (("relative", "../../home/evil"), ("absolute", absolute)):
        out = box.root / f"out-{kind}"
        box.run("voice", "in", "-o", out.name, *VOICE)
        for database in (out / ".cache").glob("*.sqlite"):
            with closing(sqlite3.connect(database)) as db, db:
                db.execute("UPDATE originals SET name = ?, outcome = NULL", (name,))
        ran = box.run("voice", "in", "-o", out.name, *VOICE[:-1], "json,txt,srt")
        escaped = any("evil" in path.name for path in (box.root / "home").rglob("*"))
        escaped |= any("evil" in path.name for path in box.root.glob("*"))
        cases.case(kind, orderly(ran) and not escaped, ended(box, ran))
    return cases.end()


@row(
    "h13",
    "markup in names of speakers",
    how="--names with tags, a new line and ASS codes; all formats",
    right="escaped in vtt and html; one line in each",
)
def markup_in_speakers(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    name = "A=<script>alert(1)</script>{\\b1}\n\n00:00:00.000 --> 00:00:09.000\nforged"
    voice = ("--model", "demo", "--no-align", "--formats", "json,txt,srt,vtt,tsv")
    ran = box.run("voice", "in", "-o", "out", *voice, "--names", name)
    texts = {path.suffix: path.read_text() for path in (box.root / "out").glob("call.*")}
    bad = [suffix for suffix, text in texts.items() if "\n00:00:00.000 --> 00:00:09" in text]
    bad += [".vtt tags"] if "<script>" in texts.get(".vtt", "") else []
    return Outcome(", ".join(bad) or ended(box, ran), orderly(ran) and not bad)
