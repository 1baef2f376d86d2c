"""A ledger's URL, read once for all: for who checks a configuration and for who connects. Pure.

redis:// and rediss:// (TLS, verified) · unix:// · redis+sentinel://host:port,host:port/service[/database] ·
redis+cluster://host:port,host:port — the last two also as rediss+…; user and password as in any URL. Options, after
a `?`: `db`; with TLS `ssl_ca_certs`, `ssl_certfile` and `ssl_keyfile`, which are files; and where the sentinels
themselves ask who we are, `sentinel_username` and `sentinel_password`.
"""

import re
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gateway.record import Record
from keys.secret import Secret

Form = Literal["server", "sentinel", "cluster"]

_FORMS: dict[str, Form] = {
    "redis": "server", "unix": "server", "redis+sentinel": "sentinel", "redis+cluster": "cluster",
}  # fmt: skip
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
_HOST = re.compile(r"(?:\[([^][]*)\]|([^:]*))(?::([0-9]{1,5}))?")
_DATABASE = re.compile(r"[0-9]{0,5}")
_PORT, _SENTINEL_PORT, _PORT_MAX = 6379, 26379, 65_535


class LedgerUrlError(ValueError):
    """A URL that is refused; the message holds not a word of it, as it may hold a password."""


class Login(Record, frozen=True):
    """What is sent as who we are; nothing when both are empty."""

    username: str
    password: Secret


class LedgerUrl(Record, frozen=True):
    """`hosts` are one server, the sentinels that watch `service`, or nodes of a cluster; none with a `socket`."""

    form: Form
    tls: bool
    hosts: tuple[tuple[str, int], ...]
    socket: str
    service: str
    database: int
    login: Login
    sentinel_login: Login
    tls_files: dict[str, str]
    """By the option that names them."""


def parse(url: str) -> LedgerUrl:
    """Raises LedgerUrlError for what can be seen to be wrong without asking anybody."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise LedgerUrlError("is no URL") from None
    form, tls = _FORMS.get(parts.scheme.replace("rediss", "redis", 1)), parts.scheme.startswith("rediss")
    if form is None:
        raise LedgerUrlError("is of no kind that is known")
    options = _options(parts, form, tls)
    service, database = _service_and_database(parts, form)
    login, _, _ = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    return LedgerUrl(
        form,
        tls,
        _hosts(parts, form),
        _socket(parts),
        service,
        _database(database or options.get("db", ""), form),
        Login(unquote(username), Secret(unquote(password))),
        Login(options.get("sentinel_username", ""), Secret(options.get("sentinel_password", ""))),
        {name: options[name] for name in sorted(_TLS_OPTIONS & options.keys())},
    )


def _options(parts: SplitResult, form: Form, tls: bool) -> dict[str, str]:
    known = {"db"} | (_TLS_OPTIONS if tls else set()) | (_SENTINEL_OPTIONS if form == "sentinel" else set())
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.fragment or not options.keys() <= known:
        raise LedgerUrlError("has an option that it cannot have; in a password, ? and # are written %3F %23")
    return options


def _socket(parts: SplitResult) -> str:
    path = unquote(parts.path) if parts.scheme == "unix" else ""
    if parts.scheme == "unix" and not path.strip("/"):
        raise LedgerUrlError("names no socket")
    return path


def _hosts(parts: SplitResult, form: Form) -> tuple[tuple[str, int], ...]:
    if parts.scheme == "unix":
        return ()
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if len(hosts) > 1 and form == "server":
        raise LedgerUrlError("names several hosts, as only redis+sentinel:// and redis+cluster:// do")
    return tuple(_host(host, _SENTINEL_PORT if form == "sentinel" else _PORT) for host in hosts)


def _host(text: str, default: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    port = int(found[3] or default) if found else 0
    if not found or not 0 < port <= _PORT_MAX:
        raise LedgerUrlError(
            "has a port that is no number from 1 to 65535; in a password, / ? # @ and : are written "
            "%2F %3F %23 %40 %3A"
        )
    if not (name := found[1] or found[2]):
        raise LedgerUrlError("names no host")
    return name, port


def _service_and_database(parts: SplitResult, form: Form) -> tuple[str, str]:
    if parts.scheme == "unix":
        return "", ""
    path = unquote(parts.path).strip("/")
    if form != "sentinel":
        return "", path
    service, _, database = path.partition("/")
    if not service:
        raise LedgerUrlError("ends without /SERVICE, the name of what the sentinels watch")
    return service, database


def _database(text: str, form: Form) -> int:
    if not _DATABASE.fullmatch(text):
        raise LedgerUrlError("ends in what is no number of a database")
    number = int(text or 0)
    if number and form == "cluster":
        raise LedgerUrlError("names a database, and a cluster has but the first")
    return number
