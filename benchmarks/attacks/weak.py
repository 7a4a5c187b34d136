"""The weak points of version 0.1.0: they caused no loss, but were wrong."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import psutil

from benchmarks.attacks.inputs import call, film, hiss, spoken, talk
from benchmarks.attacks.originals import SUBTITLE, VOICE, artifacts, wait_for_work
from benchmarks.attacks.rows import Cases, Outcome, ended, orderly, row
from benchmarks.attacks.sandbox import REELMILL, Sandbox
from benchmarks.attacks.verification import DEEP
from tests.faults.faults import schedule

_ESCAPE = "\x1b[2J\x1b]0;title\x07"


@row(
    "w1",
    "truncated mkv and ts",
    how="head -c of each",
    right="an end in the middle is damage, not a fault of the disk that passes: no retries",
    issue=14,
)
def truncated_containers(box: Sandbox) -> Outcome:
    cases = Cases(box)
    for container, suffix, codec in (("matroska", "mkv", "libopus"), ("mpegts", "ts", "aac")):
        whole = spoken(box.root / f"whole.{suffix}", container, codec).read_bytes()
        for share in (0.2, 0.35, 0.5, 0.77, 0.9, 0.999):
            box.plant(f"{suffix}/{share}.{suffix}", whole[: int(share * len(whole))])
        ran = box.run("voice", suffix, "-o", f"out-{container}", *VOICE)
        passing = "disk still there" in ran.text or "trying again" in ran.text
        told = f"{ran.seconds:.0f} s; {ended(box, ran)}"
        cases.case(container, orderly(ran) and not passing and ran.seconds < 25, told)
    return cases.end()


@row(
    "w2",
    "FLV with new streams in the middle",
    how="the tags of a film after those of a recording with sound alone",
    right="the new streams are followed or left out, and said; no IndexError",
    issue=14,
)
def flv_with_new_streams(box: Sandbox) -> Outcome:
    path = spoken(box.root / "in" / "two.flv", "flv", "aac")
    source, video = film(box.root / "film.mp4"), box.root / "film.flv"
    with av.open(f"file:{source}") as given, av.open(f"file:{video}", "w", "flv") as made:
        streams = {one.index: made.add_stream_from_template(one) for one in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                made.mux(packet)
    head = 13  # the header and the size of the tag before the first
    path.write_bytes(path.read_bytes() + video.read_bytes()[head:])
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    return Outcome(ended(box, ran), orderly(ran) and "Error:" not in ran.text)


@row(
    "w3",
    "an artifact of deeply nested JSON",
    how="in the place of each stage's result; the next run has one more format",
    right="damaged, and made again",
)
def deep_artifact(box: Sandbox) -> Outcome:
    call(box.root / "in" / "call.wav")
    box.run("voice", "in", "-o", "out", *VOICE)
    for path, _ in list(artifacts(box.root / "out")):
        path.write_text(DEEP)
    ran = box.run("voice", "in", "-o", "out", *VOICE[:-1], "json,txt,srt")
    return Outcome(ended(box, ran), ran.exit_code == 0 and (box.root / "out/call.srt").exists())


@row(
    "w4",
    "all model workers stopped together",
    how="SIGSTOP of all children while they infer; deadlines of 6 s instead of 120 s",
    right="an item is charged only when alone on a worker that had answered before: all done",
    seconds=120,
)
def workers_stopped(box: Sandbox) -> Outcome:
    return _stopped_at(box, "speech")


def _stopped_at(box: Sandbox, stage: str) -> Outcome:
    """A run whose children are all stopped once a stage has its first result."""
    for number in range(3):
        call(box.root / "in" / f"{number}.wav")
    times = {"least_deadline": 6.0, "stall_timeout": 10.0, "start_deadline": 20.0}
    told = schedule(box.root / "faults", [], **times)
    command = box.start(
        "-m", "tests.faults.commandrun", "voice", box.root / "in", "-o", box.root / "out", *VOICE,
        program=(sys.executable,), cwd=Path(__file__).parents[2], environment=told,
    )  # fmt: skip
    command.wait_until(lambda: any((box.root / "out" / ".cache").rglob(f"{stage}-*.json")), 30.0)
    frozen = [child for child in command.children() if _freeze(child)]
    ran = box.finish(command, 100.0)
    done = len(list((box.root / "out").glob("[0-9].txt")))
    return Outcome(
        f"{len(frozen)} stopped; {done} of 3 done in {ran.seconds:.0f} s; {ended(box, ran)}",
        ran.exit_code == 0 and done == 3 and bool(frozen),
    )


def _freeze(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        process.suspend()
        return True
    return False


@row(
    "w5",
    "a worker that hangs",
    how="SIGSTOP of all children once a file is probed; 10 s without progress instead of 300 s",
    right="deadline by progress: it is replaced, not after two hours; all done",
    seconds=120,
)
def worker_hangs(box: Sandbox) -> Outcome:
    return _stopped_at(box, "probe")


@row(
    "w9",
    "stdout or stderr closed or full",
    how="verify | true, voice | true, > /dev/full, 2> /dev/full, with >&- 2>&-",
    right="the exit code of the work",
    seconds=90,
)
def closed_output(box: Sandbox) -> Outcome:
    cases = Cases(box)
    hiss(box.root / "in" / "noise.wav")
    command = ("voice", "in", "-o", "out", *VOICE)
    box.run(*command)
    for name, arguments in (
        ("verify", ("verify", "out")),
        ("voice", ("voice", "in", "-o", "out2", *VOICE)),
        ("doctor", ("doctor", "-o", "out")),
    ):
        for where, ending in (
            ("stdout closed", "| true; exit ${PIPESTATUS[0]}"),
            ("stdout full", "> /dev/full"),
            ("stderr full", "2> /dev/full"),
            ("both shut", ">&- 2>&-"),
        ):
            shell = f'trap "" PIPE; trap - PIPE; "$0" "$@" {ending}'
            program = ("bash", "-c", shell, REELMILL)
            ran = box.run(*arguments, program=program)
            cases.case(f"{name}, {where}", ran.exit_code == 0, f"exit code {ran.exit_code}")
    outcome = cases.end()
    if outcome.ok:
        outcome.told = "exit code 0 in each case"
    return outcome


@row(
    "w10",
    "escapes in a path that is not there",
    how="voice with ESC[2J in the name; -o, --people and verify likewise",
    right="control characters are escaped on stderr",
)
def escapes_in_messages(box: Sandbox) -> Outcome:
    cases = Cases(box)
    hiss(box.root / "in" / "noise.wav")
    name = f"no{_ESCAPE}such"
    for what, arguments in (
        ("voice", ("voice", f"{name}.wav", "-o", "out")),
        ("-o", ("voice", "in", "-o", f"in/noise.wav/{name}", *VOICE)),
        ("--people", ("faces", "in", "-o", "out", "--people", name)),
        ("--model", ("voice", "in", "-o", "out", "--model", f"./{name}")),
        ("verify", ("verify", name)),
    ):
        ran = box.run(*arguments)
        raw = "\x1b" in ran.text or "\x07" in ran.text
        cases.case(what, orderly(ran) and not raw, "raw" if raw else ended(box, ran))
    return cases.end()


@row(
    "w11",
    "formula cells",
    how="--names 'A==cmd|...' in tsv; =cmd.wav, +1.wav in every csv and tsv of a folder",
    right="no cell begins with = + - or @",
)
def formula_cells(box: Sandbox) -> Outcome:
    cases = Cases(box)
    call(box.root / "in" / "=cmd.wav")
    names = ("--names", "A==cmd|' /C calc'!A0")
    voice = ("--model", "demo", "--no-align", "--formats", "tsv,txt")
    ran = box.run("voice", "in", "-o", "out", *voice, *names)
    tables = [*(box.root / "out").glob("*.tsv"), *(box.root / "out").glob("*.csv")]
    cells = [
        cell.strip('"')
        for path in tables
        for line in path.read_text().splitlines()
        for cell in re.split("[\t,]", line)
    ]
    bad = sorted({cell for cell in cells if re.match(r"[=+@]|-(?![\d.])", cell)})
    told = f"a cell {bad[0]!r}" if bad else ended(box, ran)
    cases.case("tsv", ran.exit_code == 0 and bool(tables) and not bad, told)
    return cases.end()


@row(
    "w12",
    "control characters in rttm, of a file's name",
    how="a recording with ESC and a new line in its name",
    right="escaped; one line a turn",
)
def escapes_in_rttm(box: Sandbox) -> Outcome:
    call(box.root / "in" / f"a{_ESCAPE}\nSPEAKER x.wav")
    voice = ("--model", "demo", "--no-align", "--formats", "rttm")
    ran = box.run("voice", "in", "-o", "out", *voice)
    texts = [path.read_text() for path in (box.root / "out").rglob("*.rttm")]
    lines = [line for text in texts for line in text.splitlines()]
    raw = any("\x1b" in text or "\x07" in text for text in texts)
    fields = all(len(line.split()) == 10 for line in lines)
    told = "raw" if raw else "" if fields else "lines with other than 10 fields"
    return Outcome(told or ended(box, ran), bool(lines) and not raw and fields)


@row(
    "w13",
    "hidden recordings",
    how="..x.wav and .hidden/y.wav beside a.wav",
    right="a note with their number",
    issue=14,
)
def hidden_recordings(box: Sandbox) -> Outcome:
    for name in ("..x.wav", ".hidden/y.wav", "a.wav"):
        hiss(box.root / "in" / name)
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    told = "hidden" in ran.text.lower()
    return Outcome(f"{'told' if told else 'nothing told'}; {ended(box, ran)}", told)


@row(
    "w14",
    "a recording known from a stopped run, deleted before the next",
    how="kill -9, rm c.wav, the same again",
    right="a note",
)
def deleted_between_runs(box: Sandbox) -> Outcome:
    for number, name in enumerate("abc"):
        hiss(box.root / "in" / f"{name}.wav", 2.0, number)
    first = box.start("voice", "in", "-o", "out", *VOICE)
    first.wait_until(lambda: wait_for_work(box, box.root / "out"), 20.0)
    first.kill()
    box.finish(first)
    (box.root / "in" / "c.wav").unlink()
    ran = box.run("voice", "in", "-o", "out", *VOICE)
    told = "c.wav" in ran.text
    return Outcome(f"{'told' if told else 'nothing told'}; {ended(box, ran)}", told)


@row(
    "w15",
    "the memory limit of a cgroup v1 subgroup",
    how="the guard in a subgroup with a limit",
    right="the limit of the process's own group is seen",
)
def cgroup_v1(box: Sandbox) -> Outcome:
    return Outcome("", True, skipped="needs a cgroup v1 hierarchy of its own")


@row(
    "w16",
    "results and .cache readable by all",
    how="a run under umask 022",
    right=".cache is 0700",
)
def world_readable(box: Sandbox) -> Outcome:
    hiss(box.root / "in" / "noise.wav")
    umask = os.umask(0o022)
    try:
        ran = box.run("voice", "in", "-o", "out", *VOICE)
    finally:
        os.umask(umask)
    mode = (box.root / "out" / ".cache").stat().st_mode & 0o777
    return Outcome(f".cache is {mode:04o}; {ended(box, ran)}", mode == 0o700)


@row(
    "w17",
    "faces reaches out for weights",
    how="faces with its defaults behind a proxy that counts; the same with HF_HUB_OFFLINE=1",
    right="says so before it does; nothing with the offline switch",
)
def reaching_out(box: Sandbox) -> Outcome:
    cases = Cases(box)
    talk(box.root / "in" / "talk.mp4")
    for name, offline in (("default", ""), ("offline", "1")):
        with listening() as (port, asked):
            proxy = f"http://127.0.0.1:{port}"
            ran = box.run(
                "faces", "in", "-o", f"out-{name}",
                environment={"HF_HUB_OFFLINE": offline, "HTTPS_PROXY": proxy, "https_proxy": proxy,
                             "HTTP_PROXY": proxy, "http_proxy": proxy},
            )  # fmt: skip
        said = re.search(r"download|fetch", ran.text, re.I) is not None
        ok = orderly(ran) and (not asked or (not offline and said))
        told = f"{len(asked)} connections, {'said' if said else 'nothing said'}; {ended(box, ran)}"
        cases.case(name, ok, told)
    return cases.end()


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port on loopback, and the first line of whatever connects to it."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1.0)
                        asked.append(connection.recv(200).decode(errors="replace").split("\n")[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            over.set()
            thread.join()


@row(
    "w18",
    "--burn runs ffmpeg without a protocol whitelist",
    how="an ffmpeg on the PATH that notes its arguments",
    right="-protocol_whitelist before each input, no network",
)
def burning_ffmpeg(box: Sandbox) -> Outcome:
    real = shutil.which("ffmpeg")
    if real is None:
        return Outcome("", True, skipped="needs an ffmpeg on the PATH")
    film(box.root / "in" / "film.mp4")
    log = box.root / "arguments.txt"
    script = box.plant("bin/ffmpeg", f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    script.chmod(0o755)
    path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
    ran = box.run("subtitle", "in", "-o", "out", "--burn", *SUBTITLE, environment={"PATH": path})
    noted = log.read_text().splitlines() if log.exists() else []
    burning = [line for line in noted if " -i " in f" {line}"]
    bare = [line for line in burning if "-protocol_whitelist" not in line.split(" -i ")[0]]
    told = f"{len(burning)} calls, {len(bare)} without; {ended(box, ran)}"
    return Outcome(told, orderly(ran) and bool(burning) and not bare)
