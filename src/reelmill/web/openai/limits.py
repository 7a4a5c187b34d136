"""What a client of the endpoint may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EndpointLimits:
    """The limits of the endpoint.

    Attributes:
        per_client: requests of one client that are uploaded, wait or are worked on.
        requests: such requests of all clients.
        at_once: recordings that the engine has at a time; others wait, and clients take turns.
        fields: bytes of all parameters of a request, which include samples of known speakers.
        sample: bytes of one of these samples.
        duration: seconds of a recording.
        prompt: characters of a prompt, and of all keywords together.
        open_runs: groups of settings that are kept ready.
        recordings: recordings after which such a group begins anew, so that it does not grow.
        idle: seconds after which a group that nobody uses is closed.
    """

    per_client: int = 64
    requests: int = 512
    at_once: int = 32
    fields: int = 16 << 20
    sample: int = 3 << 20
    duration: float = 4 * 3600.0
    prompt: int = 8192
    open_runs: int = 16
    recordings: int = 250
    idle: float = 60.0
