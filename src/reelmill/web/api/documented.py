"""Routers whose OpenAPI document tells the truth about tokens and refusals."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from reelmill.web.api.models import ErrorAnswer

#: Only documents the token, which the guard has checked.
_token = HTTPBearer(auto_error=False, scheme_name="token", description="A token, or a key.")


def documented(tag: str) -> APIRouter:
    """A router for operations of that tag."""
    return APIRouter(
        tags=[tag],
        dependencies=[Depends(_token)],
        responses={"4XX": {"model": ErrorAnswer, "description": "Refused."}},
    )
