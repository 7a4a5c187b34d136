"""The output folder of a run: created, exclusive to it, and open for writing."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.notices import announce
from reelmill.engine.execution.planning import Source
from reelmill.engine.state.adoption import prepare
from reelmill.errors import FolderBusyError, NotOursError, UsageError
from reelmill.runs.custodian import note_adoption
from reelmill.runs.reports import CHECKED, adopt_reports, was_ours

#: The commands whose results the stages that write for people produce.
_COMMANDS = {
    **dict.fromkeys(("export", "review", "listening-copies"), "voice"),
    **dict.fromkeys(("subtitle-files", "subtitle-review", "mux", "burn"), "subtitle"),
    "write_clips": "faces",
}
#: Output folders in use by runs of this process.
_folders: set[str] = set()
_mutex = threading.Lock()


@contextlib.contextmanager
def alone_in_this_process(out: Path) -> Iterator[None]:
    """Reserve the folder for this run within the process. One run at a time may write to a folder.

    Raises:
        FolderBusyError: another run has it.
    """
    real = os.path.realpath(out)
    with _mutex:
        if real in _folders:
            raise FolderBusyError(
                f"{out}: another run is writing here; wait for it, stop it, or choose another "
                "folder"
            )
        _folders.add(real)
    try:
        yield
    finally:
        with _mutex:
            _folders.discard(real)


@contextlib.contextmanager
def open_output(
    out: Path,
    sources: Iterable[Source],
    *,
    adopt: bool = False,
) -> Iterator[None]:
    """Create the output folder if necessary, open it for writing, and check that its cache is ours.

    Raises:
        UsageError: it cannot be created or written, its cache is another program's, or it has files
            that the run would replace.
    """
    key = user_key()
    if key.problem:
        announce(key.problem)
    with contextlib.ExitStack() as opened:
        try:
            opened.enter_context(
                gate.output(out, "", [source.path for source in sources], key.seal.key_for(WRITTEN))
            )
            gate.refuse_foreign_cache(out)
            cache, of = out / gate.CACHE, _COMMANDS
            if prepare(cache, key.seal, adopt=adopt, commands=of):
                adopt_reports(out)
                note_adoption(out, key.seal)
            gate.probe(out)
            taken = [gate.obstacle(out / name) for name in CHECKED if not was_ours(out / name)]
        except (OSError, NotOursError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            if out.exists() and not out.is_dir():
                why = "it is a file, not a folder"
            raise UsageError(
                f"{out}: results cannot be written there ({why}); choose another folder with -o"
            ) from error
        if reason := next(filter(None, taken), None):
            raise UsageError(reason)
        yield
