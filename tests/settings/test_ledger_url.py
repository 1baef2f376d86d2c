"""What a ledger's URL says, and what is wrong with one, told without a word of it."""

import pytest

from gateway.settings.ledger_url import LedgerUrlError, parse

CASES = [
    ("redis://h", "server", False, (("h", 6379),), 0),
    ("redis://h:1/2", "server", False, (("h", 1),), 2),
    ("redis://h?db=3", "server", False, (("h", 6379),), 3),
    ("rediss://[::1]:7", "server", True, (("::1", 7),), 0),
    ("unix:///tmp/s%20s?db=4", "server", False, (), 4),
    ("redis+sentinel://a:1,b/kaze/3", "sentinel", False, (("a", 1), ("b", 26379)), 3),
    ("rediss+sentinel://a,[::2]:5/kaze", "sentinel", True, (("a", 26379), ("::2", 5)), 0),
    ("redis+cluster://a,b:7001/", "cluster", False, (("a", 6379), ("b", 7001)), 0),
    ("rediss+cluster://[::1]:7000", "cluster", True, (("::1", 7000),), 0),
]


@pytest.mark.parametrize(("url", "form", "tls", "hosts", "database"), CASES)
def test_what_it_names(
    url: str, form: str, tls: bool, hosts: tuple[tuple[str, int], ...], database: int
) -> None:
    named = parse(url)
    assert (named.form, named.tls, named.hosts, named.database) == (form, tls, hosts, database)
    assert named.socket == ("/tmp/s s" if url.startswith("unix") else "")
    assert named.service == ("kaze" if form == "sentinel" else "")


def test_who_we_are_and_whom_we_trust() -> None:
    named = parse(
        "rediss+sentinel://u%40:p%2Fw@a/kaze?sentinel_password=s%26&ssl_ca_certs=/ca.pem&ssl_keyfile=/k"
    )
    assert (named.login.username, named.login.password.reveal()) == ("u@", "p/w")
    assert (named.sentinel_login.username, named.sentinel_login.password.reveal()) == ("", "s&")
    assert named.tls_files == {"ssl_ca_certs": "/ca.pem", "ssl_keyfile": "/k"}
    assert "p/w" not in repr(named) and "s&" not in repr(named)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://h", "of no kind"),
        ("redis://[h", "is no URL"),
        ("redis://:sec/ret@h", "has a port"),
        ("redis://:sec?ret@h", "has an option"),
        ("redis://u:sec#ret@h", "has an option"),
        ("redis://h:0", "has a port"),
        ("redis://h:70000", "has a port"),
        ("redis://h:٣", "has a port"),
        ("redis://h:", "has a port"),
        ("redis://::1", "has a port"),
        ("redis://[::1]7", "has a port"),
        ("redis://", "names no host"),
        ("redis://:1", "names no host"),
        ("unix://", "names no socket"),
        ("redis://a,b", "names several hosts"),
        ("redis://a/x", "ends in what is no number"),
        ("redis://a/1/2", "ends in what is no number"),
        ("redis://a/" + "9" * 5000, "ends in what is no number"),
        ("redis+sentinel://a", "ends without /SERVICE"),
        ("redis+sentinel://a,:1/kaze", "names no host"),
        ("redis+cluster://a/3", "names a database"),
        ("redis://a?ssl_ca_certs=/ca.pem", "has an option"),
        ("rediss://a?ssl_cert_reqs=none", "has an option"),
        ("redis://a?retry_on_timeout=true", "has an option"),
        ("redis://a?sentinel_password=secret", "has an option"),
    ],
)
def test_what_is_wrong_is_told_without_a_word_of_it(url: str, message: str) -> None:
    with pytest.raises(LedgerUrlError, match=message) as refused:
        parse(url)
    assert "ret" not in str(refused.value)
