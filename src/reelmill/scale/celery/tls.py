"""TLS to the broker: its certificate is checked unless the address says otherwise.

Left alone, kombu does not check the certificate of a `rediss://` address, and of an `amqps://`
address only that an authority of the system signed it, for whatever host. Both are given in the
same words here.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from reelmill.core.invocation import without_secrets
from reelmill.errors import UsageError

_SECURE = ("rediss", "amqps")
#: What an address may say: files, in PEM, and whether the broker's certificate is checked.
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CHECKED, _MODES = "ssl_cert_reqs", {"required": ssl.CERT_REQUIRED, "none": ssl.CERT_NONE}


def tls_of(broker: str) -> tuple[str, dict[str, Any] | None]:
    """Divide the address of a broker.

    Args:
        broker: the address, with `?ssl_ca_certs=FILE` and so on.

    Returns:
        The address without these, and the settings of TLS for kombu; None without TLS.

    Raises:
        UsageError: an option that is none, or a file that does not exist.
    """
    scheme, _, rest = broker.partition("://")
    parts = urlsplit(f"http://{rest}")
    given = dict(parse_qsl(parts.query))
    options = {name: given.pop(name) for name in list(given) if name.startswith("ssl_")}
    if scheme not in _SECURE:
        if options:
            _refuse(broker, f"{min(options)} is for {' and '.join(f'{s}://' for s in _SECURE)}")
        return broker, None
    _check(broker, options)
    bare = rest.partition("?")[0] + (f"?{urlencode(given)}" if given else "")
    mode = _MODES[options.get(_CHECKED, "required")]
    files: dict[str, Any] = {name: options[name] for name in _FILES if name in options}
    settings = {**files, _CHECKED: mode}
    if scheme == "rediss":
        settings["ssl_check_hostname"] = mode is ssl.CERT_REQUIRED
    else:
        settings = {name.removeprefix("ssl_"): value for name, value in settings.items()}
        if mode is ssl.CERT_REQUIRED:
            settings["server_hostname"] = parts.hostname
    return f"{scheme}://{bare}", settings


def untrusted(error: BaseException) -> str | None:
    """What to do about an error, if it is that a broker's certificate is not trusted."""
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return None
    return (
        "its certificate is not trusted; name the file with the authority that signed it: "
        "?ssl_ca_certs=FILE"
    )


def _check(broker: str, options: Mapping[str, str]) -> None:
    known = (*_FILES, _CHECKED)
    for name, value in options.items():
        if name not in known:
            _refuse(broker, f"{name} is none of {', '.join(known)}")
        if name == _CHECKED and value not in _MODES:
            _refuse(broker, f"{name}={value}: give required or none")
        if name in _FILES and not Path(value).is_file():
            _refuse(broker, f"{name}={value}: there is no such file")


def _refuse(broker: str, why: str) -> None:
    raise UsageError(f"--broker {without_secrets(broker)}: {why}")
