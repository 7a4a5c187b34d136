"""How long captions of a transcript are shown."""

from __future__ import annotations

from reelmill.settings import Settings
from reelmill.stages.transcript.captions import Lingering


def lingering(settings: Settings) -> Lingering:
    """The requested times. By default a caption of `voice` is shown while its words are spoken, so
    that it never covers a pause that was cut out."""
    given = settings.model_fields_set
    return Lingering(
        settings.reading_speed,
        settings.shortest if "shortest" in given else None,
        settings.gap if "gap" in given else None,
    )
