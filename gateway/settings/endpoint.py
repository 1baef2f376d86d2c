"""Where a provider is: `base_url` and `egress_proxy` as origins, with the rules on what they may be."""

import ipaddress
import re
from urllib.parse import urlsplit

from gateway.settings.snapshot import Origin

_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?\Z")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*\Z")
_PORTS = {"http": 80, "https": 443}


class EndpointError(Exception):
    """An address that is refused; the message holds nothing of it, as it may hold a password."""


def parse(url: str) -> tuple[Origin, str]:
    """The origin and the path (no slash at its end) of `url`; raises EndpointError."""
    # urlsplit drops line breaks and tabs silently; what was written must be what is used.
    if not url.isascii() or not url.isprintable() or " " in url:
        raise EndpointError("must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise EndpointError("is not a URL") from None
    if parts.scheme not in _PORTS or not url.lower().startswith(f"{parts.scheme}://"):
        raise EndpointError("must begin with https:// or http://")
    if "@" in parts.netloc:
        raise EndpointError("must not hold a user name or password")
    if "?" in url or "#" in url:
        raise EndpointError("must end with the path: no ? and no #")
    host = parts.hostname or ""
    if not _is_host(host):
        raise EndpointError("has no valid host name (write other alphabets in punycode)")
    if port == 0:
        raise EndpointError("has no valid port")
    path = parts.path.rstrip("/")
    if not _PATH.match(path) or any(step in (".", "..") for step in path.split("/")):
        raise EndpointError("has a path that is not plain: letters, digits, . _ ~ - between single slashes")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme]), path


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_shape(dialect: str, flavour: str, path: str) -> None:
    """Raises EndpointError when the path is not what `dialect` is given with."""
    if dialect == "openai":
        # DeepSeek's own base URL is the bare root.
        if not path and flavour != "deepseek":
            raise EndpointError("must include the version for dialect openai, such as …/v1")
    elif path:
        raise EndpointError(f"must be the bare root for dialect {dialect}, without a path")


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return "%" not in host
    return bool(_HOST.match(host)) and ".." not in host
