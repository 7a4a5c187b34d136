"""A whole run on toy stages in a process of its own, to be broken from outside.

`python -m tests.faults.toyrun IN OUT LOG [DELAY]`; ends with the exit code of a command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reelmill.commands.signals import stop_when_told, work_is_over


def main() -> int:
    stop_when_told()  # the rest takes a while to import
    from reelmill.commands.exit_codes import EXIT_USAGE, exit_code
    from reelmill.commands.running import run_command
    from reelmill.engine.pipeline import Pipeline
    from reelmill.errors import ReelmillError
    from reelmill.pipelines.choices import BuildContext
    from reelmill.runs.run import Run
    from reelmill.runs.task import Task
    from reelmill.settings import load_settings
    from tests.engine.toys import toy_pipeline
    from tests.faults.faults import going_wrong

    folder, out, log = map(Path, sys.argv[1:4])
    delay = float(sys.argv[4]) if len(sys.argv) > 4 else 0.0

    def build(context: BuildContext) -> Pipeline:
        return toy_pipeline(out, log, delay=delay)

    task = Task("toy", lambda given: load_settings(**given), build)
    given = {"out": out, "device": "cpu", "workers": 2, "batch_size": 4, "max_batch": 4}
    try:
        with going_wrong():
            summary = run_command(Run(task, folder, **given), quiet=False, as_json=False)
            return exit_code(summary)
    except ReelmillError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    finally:
        work_is_over()


if __name__ == "__main__":
    sys.exit(main())
