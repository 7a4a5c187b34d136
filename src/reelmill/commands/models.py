"""`reelmill models`."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reelmill.commands.exit_codes import EXIT_DONE
from reelmill.core.notices import heard_by
from reelmill.models.alignment.aligners import fetch_aligner
from reelmill.models.faces import lr_asd_files
from reelmill.models.faces.files import DOWNLOAD_MB, VGGFACE2, face_spec, here
from reelmill.models.files.cache import list_models, pull
from reelmill.models.files.catalog import guess_kind
from reelmill.models.translation.translators import resolve_translator

#: `reelmill models pull aligner:ko`.
_ALIGNER_PREFIX = "aligner:"
#: `reelmill models pull faces:vggface2`.
_FACES_PREFIX = "faces:"
#: `reelmill models pull speaking:lr-asd`.
_SPEAKING_PREFIX = "speaking:"


def run_models_list() -> int:
    """`reelmill models list`."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("model", "kind", "here", "GPU memory", "CPU memory", "note", "where"):
        table.add_column(title, no_wrap=title in {"model", "kind"})
    for entry in list_models():
        size = f"{entry.size_mb:,.0f} MB" if entry.path else f"no ({entry.download_mb:,} MB)"
        table.add_row(
            entry.name,
            entry.kind,
            size,
            f"{entry.cuda_mb:,} MB" if entry.cuda_mb else "",
            f"{entry.cpu_mb:,} MB" if entry.cpu_mb else "",
            entry.note,
            Text(str(entry.path or entry.source), overflow="fold"),
        )
    for name, kind, path, download_mb, note, source in (
        (
            f"{_FACES_PREFIX}{VGGFACE2}",
            "faces",
            here(),
            DOWNLOAD_MB,
            "tells faces apart",
            "facenet-pytorch",
        ),
        (
            f"{_SPEAKING_PREFIX}{lr_asd_files.LR_ASD}",
            "speaking",
            lr_asd_files.here(),
            lr_asd_files.DOWNLOAD_MB,
            "detects who is speaking",
            "LR-ASD's repository",
        ),
    ):
        size = f"{path.stat().st_size / 1e6:,.0f} MB" if path else f"no ({download_mb} MB)"
        table.add_row(name, kind, size, "", "", note, Text(str(path or source), overflow="fold"))
    Console().print(table)
    return EXIT_DONE


def run_models_pull(name: str) -> int:
    """`reelmill models pull`."""

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    with heard_by(say):
        print(f"{name}: {_pulled(name)}")
    return EXIT_DONE


def _pulled(name: str) -> Path | None:
    if name.startswith(_ALIGNER_PREFIX):
        return fetch_aligner(name.removeprefix(_ALIGNER_PREFIX)).path
    if name.startswith(_SPEAKING_PREFIX):
        return lr_asd_files.speaking_spec(name.removeprefix(_SPEAKING_PREFIX)).path
    if name.startswith(_FACES_PREFIX):
        return face_spec(name.removeprefix(_FACES_PREFIX)).path
    if guess_kind(name) == "translator":
        return resolve_translator(name).path
    return pull(name).path
