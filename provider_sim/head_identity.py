"""The headers by which real providers can be recognised, and which a gateway must not let through.

Cookies, account ids and infrastructure headers are sent on every answer for that reason. Values are constant
except the request id.
"""

import time
from email.utils import formatdate

from provider_sim.errors import Dialect

OPENAI = (
    b"openai-organization: sim-org-7c1\r\nopenai-processing-ms: 12\r\nopenai-version: 2020-10-01\r\n"
    b"openai-project: proj_sim0001\r\nset-cookie: __cf_bm=sim-cookie; path=/; HttpOnly; Secure; SameSite=None\r\n"
    b'server: cloudflare\r\ncf-ray: 8f0sim0000000000-SIM\r\nalt-svc: h3=":443"; ma=86400\r\n'
    b"strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
    b"x-content-type-options: nosniff\r\n"
)
AZURE = (
    b"x-ms-region: Sim Central\r\napim-request-id: 00000000-0000-0000-0000-000000000000\r\n"
    b"x-ms-deployment-name: sim\r\nset-cookie: ARRAffinity=sim-cookie; HttpOnly\r\nserver: istio-envoy\r\n"
    b"strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
)
ANTHROPIC = (
    b"anthropic-organization-id: 00000000-0000-4000-8000-000000000007\r\n"
    b"set-cookie: _cfuvid=sim-cookie; path=/; HttpOnly; Secure; SameSite=None\r\n"
    b"server: cloudflare\r\ncf-ray: 8f0sim0000000000-SIM\r\nvia: 1.1 google\r\nx-robots-tag: none\r\n"
    b"strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
)
GEMINI = (
    b"server: scaffolding on HTTPServer2\r\nvary: Origin, X-Origin, Referer\r\nx-xss-protection: 0\r\n"
    b"x-frame-options: SAMEORIGIN\r\nx-content-type-options: nosniff\r\nserver-timing: gfet4t7; dur=12\r\n"
    b'set-cookie: NID=sim-cookie; path=/; HttpOnly\r\nalt-svc: h3=":443"; ma=2592000\r\n'
)
CONSTANT: dict[Dialect, bytes] = {
    "openai": OPENAI, "azure": AZURE, "anthropic": ANTHROPIC, "gemini": GEMINI, "ollama": b"",
}  # fmt: skip


class Identity:
    """Makes a reply's own header lines; the date is formatted once a second."""

    __slots__ = ("_date", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._date = b""

    def lines(self, dialect: Dialect, request_id: str) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        if dialect == "ollama":
            return self._date
        parts = [self._date, CONSTANT[dialect]]
        if dialect == "anthropic":
            parts.append(f"request-id: {request_id}\r\n".encode())
        elif dialect != "gemini":
            parts.append(f"x-request-id: {request_id}\r\n".encode())
        return b"".join(parts)
