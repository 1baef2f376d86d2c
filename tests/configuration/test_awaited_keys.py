"""A key of the file whose value is in Vault, beside others that have the same value or had it."""

import logging
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.pipeline.awaited_keys import AwaitedKeys
from gateway.settings.snapshot import Tenant, TenantKey
from keys.digest import digest
from keys.secret import Secret
from keys.secrets.reference import parse
from tests.settings.loading import PEPPER, VALID, load_text

NOW, BEFORE = (f"{word}-J7f3Kq9sLm2Xw8Zt5Bv4Nc6R" for word in ("now", "before"))
NOW_BY, BEFORE_BY = digest(PEPPER.encode(), NOW), digest(PEPPER.encode(), BEFORE)
KEPT = TenantKey("web", Tenant("a"), b"", reference=parse("vault:secret/tenants/a#web"))


@pytest.mark.parametrize(
    ("other", "has", "is_it"),
    [
        (TenantKey("row", Tenant("b"), b"2" * 32, stored=True), NOW_BY, True),  # had it
        (TenantKey("row", Tenant("b"), NOW_BY, stored=True), NOW_BY, True),  # has it: the file says
        (TenantKey("of-file", Tenant("b"), NOW_BY), NOW_BY, False),
        (TenantKey("row", Tenant("b"), BEFORE_BY, stored=True), BEFORE_BY, False),  # as it was is no claim
    ],
    ids=["had", "has", "of the file", "now another's"],
)
def test_whose_a_value_is(
    tmp_path: Path, other: TenantKey, has: bytes, is_it: bool, caplog: pytest.LogCaptureFixture
) -> None:
    keys = AwaitedKeys(lambda _: (Secret(NOW), Secret(BEFORE)), lambda _: False, frozenset())
    snapshot = load_text(VALID, tmp_path).snapshot
    snapshot = replace(snapshot, awaited_keys=(KEPT,), tenant_keys=MappingProxyType({has: other}))
    with caplog.at_level(logging.ERROR):
        found = keys.filled(snapshot).tenant_keys[has]
    assert (found.id == "web") is is_it
    left_out = [] if other.digest != has else [f"{other.tenant.id}/{other.id}" if is_it else "a/web"]
    assert [line.partition(":")[0].split()[-1] for line in caplog.messages] == left_out


def test_the_present_value_stays_when_the_one_before_is_anothers(tmp_path: Path) -> None:
    keys = AwaitedKeys(lambda _: (Secret(NOW), Secret(BEFORE)), lambda _: False, frozenset())
    other = TenantKey("of-file", Tenant("b"), BEFORE_BY)
    snapshot = load_text(VALID, tmp_path).snapshot
    snapshot = replace(snapshot, awaited_keys=(KEPT,), tenant_keys=MappingProxyType({BEFORE_BY: other}))
    found = keys.filled(snapshot).tenant_keys
    assert {by: key.id for by, key in found.items()} == {BEFORE_BY: "of-file", NOW_BY: "web"}
