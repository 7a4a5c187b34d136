"""Workers and submitters of the toy pipeline, as processes.

`python -m tests.scale.toycluster worker ROOT LOG DELAY`, `submit ROOT IN OUT DELAY PRIORITY` or
`local ROOT IN OUT DELAY`.
The broker is in `REELMILL_BROKER`. With a store, which is in `REELMILL_STORE`, ROOT is `-`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from reelmill.runs.task import Task
from reelmill.settings import load_settings
from tests.engine.toys import toy_pipeline


def toys(log: Path | None, delay: float) -> Callable[[str], Task]:
    batch = int(os.environ.get("TOY_BATCH", "4"))
    task = Task(
        "toy",
        lambda given: load_settings(**{"batch_size": batch, "max_batch": batch, **given}),
        lambda context: toy_pipeline(context.out, log, delay=delay),
    )
    return lambda name: task


def main() -> int:
    from reelmill.commands.signals import stop_when_told

    stop_when_told()
    from reelmill.commands.exit_codes import exit_code
    from reelmill.commands.running import run_command
    from reelmill.runs.run import Run

    kind, root, *rest = sys.argv[1:]
    roots = [] if root == "-" else [root]
    if kind == "worker":
        from reelmill.commands.worker import run_worker

        log, delay = Path(rest[0]), float(rest[1])
        return run_worker(os.environ["REELMILL_BROKER"], roots, "cpu", 2, toys(log, delay))
    if kind == "local":
        delay = float(rest[2]) if rest[2:] else 0.0
        run = Run(toys(None, delay)("toy"), rest[0], out=rest[1], device="cpu")
        return exit_code(run_command(run, quiet=False, as_json=False))
    from reelmill.commands.submit import submit
    from reelmill.scale import shards

    shards._SHORTEST_S = float(os.environ.get("TOY_SHARD_S", "0.3"))  # several shards of a few
    shards._LEAST_SHARED_UNMEASURED_S = 0.2  # some thousand letters
    folder, out, delay, priority = Path(rest[0]), Path(rest[1]), float(rest[2]), int(rest[3])
    about = {"fresh": False, "quiet": False, "as_json": False, "on": "celery"}
    where = {"broker": os.environ["REELMILL_BROKER"], "roots": roots, "priority": priority}
    given = {"out": out, "device": "cpu", "workers": 1}
    return submit(toys(None, delay)("toy"), [folder], given, {**about, **where})


if __name__ == "__main__":
    sys.exit(main())
