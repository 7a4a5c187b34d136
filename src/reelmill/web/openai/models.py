"""The models by the names that clients give."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reelmill.errors import ModelUnavailableError
from reelmill.models.files.cache import resolve
from reelmill.web.openai.errors import ApiError

#: OpenAI's models for transcription. Programs name them, so here they mean the server's own model.
ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
)


@dataclass(frozen=True)
class Models:
    """The models that requests may name.

    Attributes:
        default: the server's own, as Reelmill calls it: what the names of OpenAI's mean.
        others: further ones.
    """

    default: str
    others: tuple[str, ...] = ()

    def named(self, name: str) -> str:
        """The model that a client means, as Reelmill calls it.

        Raises:
            ApiError: there is none of that name.
        """
        found = self._by_id.get(name)
        if found is None:
            raise ApiError(
                404,
                f"The model '{name[:200]}' does not exist. Available: {', '.join(self._by_id)}.",
                param="model",
                code="model_not_found",
            )
        return found

    def listed(self) -> dict[str, Any]:
        """The answer to `GET /v1/models`."""
        return {"object": "list", "data": [self.facts(name) for name in self._by_id]}

    def facts(self, name: str) -> dict[str, Any]:
        """What the API says of one model. `created` is when its weights were put on this machine, 0
        where they are not. Raises as `named`."""
        model = self.named(name)
        return {
            "id": name,
            "object": "model",
            "created": _created(model),
            "owned_by": "reelmill",
            "root": _id_of(model),
        }

    @cached_property
    def _by_id(self) -> dict[str, str]:
        own = _ids([self.default, *self.others])
        return {**dict.fromkeys(ALIASES, self.default), **own}


def _ids(models: Iterable[str]) -> dict[str, str]:
    """Models by what clients call them: a folder by its name alone, so that no path is told."""
    return {_id_of(model): model for model in models}


def _id_of(model: str) -> str:
    return Path(model).expanduser().name if Path(model).expanduser().is_dir() else model


def _created(model: str) -> int:
    with contextlib.suppress(ModelUnavailableError, OSError):
        return int((resolve(model, download=False).path / "model.bin").stat().st_mtime)
    return 0
