"""`--claim` and `--shard`: this command is one of several workers on one output folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import exit_code
from reelmill.commands.running import run_command
from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.engine.execution.planning import Source
from reelmill.engine.state.adoption import check_private
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import UsageError
from reelmill.report.wording import count
from reelmill.runs.run import Run
from reelmill.runs.sources import search
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import FolderExchange, remove_portions
from reelmill.scale.shards import Shard, shards
from reelmill.scale.worker import (
    GATHERING,
    Feeder,
    WorkerPlace,
    worker_name,
    worker_run,
)
from reelmill.settings import load_settings


def work_as_one_of_several(
    task: str, inputs: Sequence[Path], given: dict[str, Any], about: dict[str, Any]
) -> int | None:
    """Do this worker's part.

    Args:
        task: `voice`, `subtitle` or `faces`.
        inputs: as given on the command line.
        given: the settings given on the command line.
        about: how the run goes and prints: `fresh`, `quiet`, `as_json`, `claim`, `shard`.

    Returns:
        The exit code; None where it falls to this worker to put the results together, which an
        ordinary run on the output folder does.

    Raises:
        UsageError: options that contradict each other, no recordings, and as `Run`.
    """
    shard = None if about["shard"] is None else Shard.parse(about["shard"])
    if about["fresh"]:
        raise UsageError(
            "--fresh does not go with --claim or --shard: give the workers another output folder"
        )
    out = Path(load_settings(given.get("config")).out if given.get("out") is None else given["out"])
    place = WorkerPlace(out.absolute(), worker_name() if shard is None else _named(shard))
    found = search(inputs, place.out)
    own = found.sources if shard is None else shards(found.sources, shard.total)[shard.number - 1]
    with _shared(place, found.sources):
        run = worker_run(task, place.folder, given)
        claims = Claims(place.claims, place.name, run.settings.claim_lease)
        feeder = Feeder(run, own, claims, None if shard else _exchange(run, place))
        summary = _work(run, feeder, about)
        if summary.stopped is not None:
            return exit_code(summary)
        if _is_last(claims, run, found.sources):
            remove_portions(place.out / gate.CACHE)
            return None
        if not (about["quiet"] or about["as_json"]):
            print(f"the last worker to finish puts the results together in {place.out}")
        return exit_code(summary)


def _exchange(run: Run, place: WorkerPlace) -> FolderExchange:
    """For long recordings that this worker shares with others."""
    claims = Claims(place.claims, place.name, run.settings.claim_lease)
    cache, own = place.out / gate.CACHE, place.folder / gate.CACHE
    run.exchange = exchange = FolderExchange(cache, own, claims, user_key().seal)
    return exchange


def _work(run: Run, feeder: Feeder, about: dict[str, Any]) -> RunSummary:
    """Execute the run on what this worker claims."""
    quiet, as_json = about["quiet"], about["as_json"]
    return run_command(run, quiet=quiet, as_json=as_json, feed=feeder.feed, closing=_closing)


def _closing(summary: RunSummary) -> Iterator[str]:
    """What to say at the end of a worker's part."""
    done, failed = summary.count("done"), summary.count("failed")
    said = f"this worker's part: {count(done, 'recording')} done, {failed} failed"
    yield said if summary.stopped is None else f"{said}; stopped: {summary.stopped}"


def _is_last(claims: Claims, run: Run, sources: Sequence[Source]) -> bool:
    """Whether all recordings are done and nobody else puts the results together."""
    feeder = Feeder(run, sources, claims)
    return feeder.all_done() and claims.take(f"{feeder.work}\n{GATHERING}")


@contextlib.contextmanager
def _shared(place: WorkerPlace, sources: Sequence[Source]) -> Iterator[None]:
    """Open the shared output folder for claims."""
    key = user_key().seal.key_for(WRITTEN)
    try:
        with gate.output(place.out, "", [one.path for one in sources], key):
            check_private(place.out / gate.CACHE)
            yield
    except OSError as error:
        raise UsageError(
            f"{place.out}: cannot be used by several workers ({error.strerror}); choose another "
            "folder with -o"
        ) from error


def _named(shard: Shard) -> str:
    """The same worker again when the same shard is begun again: it goes on where it was."""
    return f"shard-{shard.number}-of-{shard.total}"
