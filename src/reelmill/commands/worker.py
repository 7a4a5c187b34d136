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
from reelmill.scale.worker import worker_name
from reelmill.settings import load_settings


def run_worker(
    broker: str | None,
    roots: Sequence[str],
    device: str | None,
    shards_at_once: int,
    tasks: Callable[[str], Task] = task_named,
) -> int:
    """Serve until told to end.

    Args:
        broker: the address of Redis or RabbitMQ.
        roots: the folders below which it reads and writes, each `NAME=FOLDER` or `FOLDER`.
        device: for models; None: chosen.
        shards_at_once: how many shards are in work at a time.
        tasks: the tasks by name.

    Raises:
        UsageError: there is no broker or no root, or Celery is not installed.
    """
    if not broker:
        raise UsageError("give --broker URL, or better REELMILL_BROKER, which no list shows")
    roots = roots or roots_of_environment()
    if not roots:
        raise UsageError("give --roots FOLDER: where recordings and results of all machines are")
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
    with Engine(device=device) as engine:
        worker = ShardWorker(
            worker_name(), found, engine, key.seal, load_settings().claim_lease, tasks
        )

        def ready() -> None:
            print(
                f"worker {worker.name} on {engine.choice.devices[0]} waits for shards; its roots: "
                f"{found}; its key: {key.seal.fingerprint}",
                file=sys.stderr,
                flush=True,
            )

        try:
            serve(worker, broker, shards_at_once, ready)
        finally:
            worker.stop()
            worker.close()
    return EXIT_DONE
