"""What is wrong with the URL of a ledger, told without a word of it: it may hold a password."""

from urllib.parse import urlsplit

_PORT_MAX = 65_535
_PORT = "has a port that is no number from 1 to 65535; in a password, / ? # @ and : are written %2F %3F %23 %40 %3A"


def fault_in(url: str) -> str | None:
    """None when nothing is wrong that can be seen without asking the server."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no URL"
    if parts.scheme == "unix":
        return None if parts.path.strip("/") else "names no socket"
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if len(hosts) > 1 and "sentinel" not in parts.scheme:
        return "names several hosts, as only redis+sentinel:// does"
    for host in hosts:
        if not _has_port_of_one(host):
            return _PORT
        if not _name_of(host):
            return "names no host"
    service, _, database = parts.path.strip("/").partition("/")
    if "sentinel" in parts.scheme:
        if not service:
            return "ends without /SERVICE, the name of what the sentinels watch"
    else:
        database = service
    return None if not database or database.isdecimal() else "ends in what is no number of a database"


def _name_of(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _has_port_of_one(host: str) -> bool:
    """Whether the port, where there is one, can be one."""
    port = host.rpartition("]")[2] if host.startswith("[") else "".join(host.partition(":")[1:])
    if not port:
        return True
    number = port.removeprefix(":")
    return number.isascii() and number.isdecimal() and 0 < int(number) <= _PORT_MAX
