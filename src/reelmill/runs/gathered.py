"""Takes over what other workers made for this output folder.

Each worker of `--claim` or `--shard` has a folder of its own below the cache: its own database and
lock, because neither SQLite's log nor locks work on network folders. What it made is named by what
determines it, so it only has to be brought to where this run looks for it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.atomic import replacing
from reelmill.core.json_text import parse_json
from reelmill.core.keys import Seal
from reelmill.core.printable import printable
from reelmill.engine.state import artifact_store as store
from reelmill.engine.telemetry.metrics import Table
from reelmill.report.files import PERFORMANCE_REPORT

#: The folders of workers, below the cache of the output folder.
WORKERS = "workers"
#: The claims of workers, below the cache.
CLAIMS = "claims"


def gather(cache: Path, seal: Seal) -> str | None:
    """Bring the results of all workers into the cache of the output folder.

    Args:
        cache: of the output folder, open for writing.
        seal: the user's. What was not made with the key is left where it is.

    Returns:
        What to say about it; None if there was nothing.

    Raises:
        OSError: they cannot be written.
    """
    taken = left = 0
    workers = set()
    for worker, artifact in _made_by_workers(cache):
        is_ours = bring(artifact, _place_in(cache, artifact, worker), seal)
        left += is_ours is False
        if is_ours:
            taken += 1
            workers.add(worker.name)
    said = f"{taken:,} results of {len(workers)} workers taken over" if taken else ""
    if left:
        why = "made with another key (share one: REELMILL_KEY_FILE)"
        said += f"{'; ' if said else ''}{left:,} results of workers left out: {why}"
    return printable(said) or None


def gather_recording(cache: Path, worker: str, sha256: str, seal: Seal) -> int:
    """Bring what one worker made of one recording into the cache of the output folder.

    Args:
        cache: as for `gather`.
        worker: the name of the worker's folder.
        sha256: of the recording's content.
        seal: the user's.

    Returns:
        How many results were taken over.

    Raises:
        OSError: they cannot be written.
    """
    folder = cache / WORKERS / worker
    made = sorted(store.recording_folder(folder / gate.CACHE, sha256).glob("*.json"))
    ours = (one for one in made if store.OURS.fullmatch(one.name))
    return sum(bring(one, _place_in(cache, one, folder), seal) is True for one in ours)


def workers_table(cache: Path) -> Table | None:
    """Who did how much, for the report page; None if there were no workers."""
    folder = cache / WORKERS
    rows: list[list[str | list[str]]] = []
    for worker in sorted(folder.iterdir()) if folder.is_dir() else ():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            report = parse_json((worker / PERFORMANCE_REPORT).read_bytes())
            done, seconds = report["successful"] - report["reused"], float(report["seconds"])
            hours, took = report["media_seconds"] / 3600, seconds / 3600
            rows.append(
                [printable(worker.name), str(report["device"]["name"]), f"{done:,}",
                 f"{hours:.2f}", f"{took:.2f}", f"{hours / took:.1f}" if took else ""]
            )  # fmt: skip
    columns = ["Worker", "Device", "Recordings", "Hours of sound", "Hours worked", "Sound per hour"]
    note = (
        "Of each worker's last run. Sound per hour is hours of recordings per hour of its device."
    )
    return Table("Workers", columns, rows, note) if rows else None


def _made_by_workers(cache: Path) -> Iterator[tuple[Path, Path]]:
    """Folders of workers, each with the artifacts in it, those named by content alone."""
    folder = cache / WORKERS
    for worker in sorted(folder.iterdir()) if folder.is_dir() else ():
        for artifact in sorted(store.artifacts(worker / gate.CACHE).glob("??/*/*.json")):
            if store.OURS.fullmatch(artifact.name) and artifact.parent.parent.name != "named":
                yield worker, artifact


def _place_in(cache: Path, artifact: Path, worker: Path) -> Path:
    """Where a worker's result belongs in another cache."""
    return store.artifacts(cache) / artifact.relative_to(store.artifacts(worker / gate.CACHE))


def bring(artifact: Path, target: Path, seal: Seal) -> bool | None:
    """Bring one result, with the files beside it, from one cache to another.

    Args:
        artifact: the result.
        target: its path there.
        seal: the user's.

    Returns:
        Whether it was made with the key; None if it is there already or not whole.

    Raises:
        OSError: it cannot be written.
    """
    if target.exists():
        return None
    files = _files_beside(_content(artifact), seal)
    if files is None:
        return False
    try:
        _share(artifact.parent, target.parent, [*files, artifact.name])
    except FileNotFoundError:
        return None
    return True


def _share(source: Path, target: Path, names: list[str]) -> None:
    """Give files a second name here; where the file system has no second names, copy them. Their
    content stays as it is, because nothing changes a result in place."""
    if gate.share(source, target, names):
        return
    for name in names:
        if not (target / name).exists():
            with (source / name).open("rb") as before, replacing(target / name) as after:
                shutil.copyfileobj(before, after, 1 << 20)


def _content(artifact: Path) -> bytes:
    """The content of a file; nothing if it cannot be read, which is never ours."""
    try:
        return artifact.read_bytes()
    except OSError:
        return b""


def _files_beside(data: bytes, seal: Seal) -> list[str] | None:
    """The names of the files that an artifact needs; None if it is not ours. Their content is
    checked when they are read."""
    if not store.is_signed(data, seal):
        return None
    envelope: dict[str, Any] = json.loads(data)
    return [name for name in envelope["files"] if "/" not in name]
