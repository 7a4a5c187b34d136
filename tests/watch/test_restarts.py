"""A watched folder whose watcher is killed and stopped while recordings arrive."""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path

from tests.faults.kit import MarkedRun, artifacts, leftovers

FILES, EARLY, RESTARTS = 500, 250, 5


class Watching(MarkedRun):
    """`reelmill watch` with the toy stage."""

    def __init__(self, folder: Path, out: Path, log: Path) -> None:
        log.touch()
        errors = log.with_name(f"{log.name}.stderr")
        super().__init__("tests.watch.toywatch", (folder, out, log), errors)

    def wait_until_done(self, count: int) -> None:
        """Wait until it has done `count` recordings, or all were done before."""
        self.wait_for(lambda: self.stderr.count(" ok ") >= count, 120)


def deliver(folder: Path, name: str, text: str, way: int) -> None:
    """Bring a file into the folder, as programs do: at once, in two parts, under another name
    first, or with the folder that it is in."""
    path = folder / name
    if way == 0:
        path.write_text(text)
    elif way == 1:
        with path.open("w") as file:
            file.write(text[:3])
            file.flush()
            time.sleep(0.05)
            file.write(text[3:])
    elif way == 2:
        part = folder / f"{name}.part"
        part.write_text(text)
        part.rename(path)
    else:
        outside = folder.with_name(f"outside-{name}")
        outside.mkdir()
        (outside / name).write_text(text)
        outside.rename(folder / path.stem)


def test_500_files_in_any_order_are_each_done_once_over_five_restarts(tmp_path: Path) -> None:
    # proves: G12 V15
    choice = random.Random(7)
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    texts = {f"call{n:03d}.wav": f"w{n} {choice.randrange(99)}" for n in range(FILES)}
    names = choice.sample(sorted(texts), FILES)
    begun, all_delivered = threading.Event(), threading.Event()

    def arrive() -> None:
        for at, name in enumerate(names):
            if at == EARLY:
                begun.set()
            deliver(folder, name, texts[name], 0 if at < EARLY else choice.choice((0, 0, 1, 2, 3)))
        all_delivered.set()

    arriving = threading.Thread(target=arrive)
    made: dict[str, tuple[int, int]] = {}
    arriving.start()
    begun.wait()
    for restart in range(RESTARTS):
        watching = Watching(folder, out, log)
        watching.wait_until_done(choice.randrange(5, 70))
        if restart % 2:
            watching.tell(signal.SIGTERM)
            assert watching.wait() in (0, 3), watching.stderr
        else:
            watching.kill()
        assert watching.survivors() == []
        now = artifacts(out)
        assert {path: now.get(path) for path in made} == made, "an artifact was made again"
        made = now
    arriving.join()
    last = Watching(folder, out, log)
    last.wait_for(lambda: f"{FILES} recordings done" in last.stderr, 120)
    last.tell(signal.SIGTERM)
    assert last.wait() == 0, last.stderr
    assert {path: artifacts(out).get(path) for path in made} == made
    expected = {f"{Path(name).stem}.up": text.upper() for name, text in texts.items()}
    found = {path.name: path.read_text() for path in out.rglob("*.up")}
    assert found == expected
    assert leftovers(out) == []
