"""`--on`: other machines do the work, and this command gathers what they make."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import exit_code
from reelmill.commands.running import run_command
from reelmill.core.keys import user_key
from reelmill.errors import UsageError
from reelmill.runs.run import Run
from reelmill.runs.task import Task, task_named
from reelmill.scale.executor import Executor
from reelmill.scale.handover import Handover, SharedHandover
from reelmill.scale.roots import Roots, roots_of_environment
from reelmill.scale.store import open_store
from reelmill.scale.submitter import Submitter
from reelmill.scale.worker import check_model


def submit(
    task: str | Task, inputs: Sequence[Path], given: dict[str, Any], about: dict[str, Any]
) -> int:
    """Give recordings to workers, and gather the results as if they had been made here.

    Args:
        task: `voice`, `subtitle` or `faces`.
        inputs: as given on the command line.
        given: the settings given on the command line.
        about: how the run goes and prints: `fresh`, `quiet`, `as_json`; and where it goes: `on`,
            `broker`, `address`, `actor_cores`, `roots`, `priority`. The setting `store` says by
            what, if there is no shared folder.

    Returns:
        The exit code, as of a run on this machine.

    Raises:
        UsageError: options that contradict each other, and as `Run`.
    """
    if about["fresh"]:
        raise UsageError("--fresh does not go with --on: choose another output folder")
    whole = task if isinstance(task, Task) else task_named(task)
    # No model is loaded here, unless a recording cannot be sent to workers.
    run = Run(whole, inputs, held=True, **{**given, "placement": "resident"})
    check_model(whole, run.settings)
    given_roots = about["roots"] or roots_of_environment()
    handover = _handover(run, given_roots)
    executor = _executor(about, run, given_roots)
    submitter = Submitter(run, executor, handover, about["priority"])
    summary = run_command(run, quiet=about["quiet"], as_json=about["as_json"], feed=submitter.feed)
    return exit_code(summary)


def _handover(run: Run, roots: Sequence[str]) -> Handover:
    """How workers get recordings: by a store, or by folders that they have too."""
    seal = user_key().seal
    if run.settings.store is not None:
        from reelmill.scale.store_handover import StoreHandover

        store = open_store(run.settings.store)
        store.check()
        return StoreHandover(run, Roots.parse(roots) if roots else None, store, seal)
    if not roots:
        raise UsageError(
            "give --roots FOLDER: a folder with recordings and results that workers have too, "
            "under the same name; or --store URL: an object store, if they share no folder"
        )
    return SharedHandover(run, Roots.parse(roots), seal)


def _executor(about: dict[str, Any], run: Run, roots: Sequence[str]) -> Executor:
    """What reaches the workers."""
    on = about["on"]
    if on not in ("celery", "ray"):
        raise UsageError(f"--on {on}: the choices are: celery, ray")
    try:
        return _by_celery(about, run) if on == "celery" else _by_ray(about, run, roots)
    except ImportError as error:
        name = on.capitalize()
        raise UsageError(
            f"{name} is not installed ({error.name}): pip install 'reelmill[{on}]'"
        ) from error


def _by_celery(about: dict[str, Any], run: Run) -> Executor:
    if not about["broker"]:
        raise UsageError("give --broker URL, or better REELMILL_BROKER, which no list shows")
    from reelmill.scale.celery.executor import CeleryExecutor

    return CeleryExecutor(about["broker"], run.settings.claim_lease, user_key().seal)


def _by_ray(about: dict[str, Any], run: Run, roots: Sequence[str]) -> Executor:
    if about["priority"]:
        raise UsageError("--priority does not go with --on ray: Ray knows no priorities")
    from reelmill.scale.ray.crew import Crew
    from reelmill.scale.ray.executor import RayExecutor

    crew = Crew(
        about["address"],
        roots,
        run.settings.claim_lease,
        about.get("tasks", "reelmill.runs.task:task_named"),
        about["actor_cores"],
        run.settings.store,
    )
    return RayExecutor(crew, user_key().seal, run.warn)
