"""Requests that are refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Refused(Exception):
    """A request that gets no more than an error.

    Attributes:
        status: the HTTP status.
        code: a short name for programs, such as `too_large`.
        message: for people: what is wrong and what to do.
        detail: for the log alone.
        retry_after: seconds after which another try makes sense.
    """

    status: int
    code: str
    message: str
    detail: str = ""
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message
