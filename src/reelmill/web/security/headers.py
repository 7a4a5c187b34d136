"""The headers of every answer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders

#: What our own pages may load: files of this server, and nothing inline.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: What anything else may do that a browser should show: nothing.
_NOTHING = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)

_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


def protect(headers: MutableHeaders, *, tls: bool) -> None:
    """Add what every answer has. One that brings its own policy or rules for caches keeps them."""
    for name, value in _ALWAYS.items():
        headers[name] = value
    headers.setdefault("content-security-policy", _NOTHING)
    headers.setdefault("cache-control", "no-store")
    if tls:
        headers["strict-transport-security"] = "max-age=31536000"
