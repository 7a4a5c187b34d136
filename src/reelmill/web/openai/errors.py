"""Errors in the form of OpenAI's API, with the statuses that its clients turn into exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from reelmill.web.errors import Refused

_INVALID = "invalid_request_error"
#: The `type` of an error by its status. For others it is `_INVALID`, from 500 on `server_error`.
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "requests",
}
#: The API's own codes for what the server's guard refuses.
_CODES = {
    401: "invalid_api_key",
    404: "not_found",
    413: "file_too_large",
    429: "rate_limit_exceeded",
}


class ApiError(Exception):
    """A request that gets an error for an answer.

    Attributes:
        status: the HTTP status.
        message: for people: what is wrong and what to do.
        param: the parameter concerned.
        code: a short name for programs.
        retry_after: seconds after which another try makes sense; `False` where none does, which
            keeps the official clients from sending the same request twice more.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The error as the API's clients read it."""
        default = _INVALID if self.status < 500 else "server_error"
        return {
            "error": {
                "message": self.message,
                "type": _TYPES.get(self.status, default),
                "param": self.param,
                "code": self.code,
            }
        }

    def headers(self) -> Mapping[str, str]:
        """What tells clients whether to try again."""
        if self.retry_after is None:
            return {}
        if self.retry_after is False:
            return {"x-should-retry": "false"}
        return {"retry-after": str(int(self.retry_after))}

    def response(self) -> Response:
        """The answer."""
        return JSONResponse(self.body(), self.status, dict(self.headers()))


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A request that will never be right as it is."""
    return ApiError(400, message, param=param, code=code)


def refuse(error: Refused) -> Response:
    """The answer to a request that the server's guard refuses."""
    code = _CODES.get(error.status, error.code)
    return ApiError(
        error.status, error.message, code=code, retry_after=error.retry_after
    ).response()
