"""`reelmill worker`: executes shards that submitters send through a broker."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence

from reelmill.commands.exit_codes import EXIT_DONE
from reelmill.core.keys import user_key
from reelmill.errors import UsageError
from reelmill.runs.engine import Engine
from reelmill.runs.task import Task, task_named
from reelmill.scale.roots import Roots, roots_of_environment
from reelmill.scale.shard_worker import ShardWorker
from reelmill.scale.store_work import store_side
from reelmill.scale.worker import worker_name
from reelmill.settings import load_settings


def run_worker(
    broker: str | None,
    roots: Sequence[str],
    device: str | None,
    shards_at_once: int,
    tasks: Callable[[str], Task] = task_named,
    store: str | None = None,
) -> int:
    """Serve until told to end.

    Args:
        broker: the address of Redis or RabbitMQ.
        roots: the folders below which it reads and writes, each `NAME=FOLDER` or `FOLDER`.
        device: for models; None: chosen.
        shards_at_once: how many shards are in work at a time.
        tasks: the tasks by name.
        store: the address of a store, for jobs without a shared folder.

    Raises:
        UsageError: there is no broker, neither a root nor a store, or Celery is not installed; or
            the store cannot be used.
    """
    if not broker:
        raise UsageError("give --broker URL, or better REELMILL_BROKER, which no list shows")
    roots = roots or roots_of_environment()
    settings = load_settings(store=store)
    if not roots and settings.store is None:
        raise UsageError(
            "give --roots FOLDER: where recordings and results of all machines are; or --store URL"
        )
    found = Roots.parse(roots)
    try:
        from reelmill.scale.celery.worker import serve
    except ImportError as error:
        raise UsageError(
            f"Celery is not installed ({error.name}): pip install 'reelmill[celery]'"
        ) from error
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("reelmill.scale").setLevel(logging.INFO)
    key = user_key()
    name, lease_s = worker_name(), settings.claim_lease
    side = store_side(settings.store, name, found, key.seal, lease_s)
    with Engine(device=device) as engine:
        worker = ShardWorker(name, found, engine, key.seal, lease_s, tasks, side)

        def ready() -> None:
            print(_readiness(worker, found if roots else None), file=sys.stderr, flush=True)

        try:
            serve(worker, broker, shards_at_once, ready)
        finally:
            worker.stop()
            worker.close()
    return EXIT_DONE


def _readiness(worker: ShardWorker, roots: Roots | None) -> str:
    """What a worker says when it waits for shards."""
    places = [] if roots is None else [f"its roots: {roots}"]
    places += [] if worker.side is None else [f"its store: {worker.side.store.name}"]
    return (
        f"worker {worker.name} on {worker.engine.choice.devices[0]} waits for shards; "
        f"{'; '.join(places)}; its key: {worker.seal.fingerprint}"
    )
