"""The block `vault`: how it is given, and what is refused in it."""

from pathlib import Path

import pytest

from tests.settings.loading import VALID, load_text, problems
from tests.upstream.authority import Authority

HTTPS = "address: https://vault.lan:8200"
TOKEN = "auth: {token: env:KEY_A}"


@pytest.mark.parametrize(
    "address", ["https://vault.lan:8200", "http://127.0.0.1:8200", "http://localhost:8200"]
)
@pytest.mark.parametrize(
    "auth",
    [
        "token: env:KEY_A",
        "approle: {role_id: env:KEY_A, secret_id: env:KEY_B}",
        "kubernetes: {role: gateway, jwt: env:KEY_A, mount: cluster/eu}",
    ],
)
def test_what_is_taken(address: str, auth: str, tmp_path: Path) -> None:
    text = f"vault: {{address: '{address}', auth: {{{auth}}}, namespace: team/a}}"
    vault = load_text(text, tmp_path).vault
    assert vault is not None
    assert (vault.address, vault.namespace, vault.ttl_s, vault.stale_max_s) == (address, "team/a", 60, 3600)


def test_no_time_between_due_and_too_old_is_warned_of(tmp_path: Path) -> None:
    for stale_max_s, warned in ((60, True), (61, False)):
        text = f"vault: {{{HTTPS}, {TOKEN}, ttl_s: 60, stale_max_s: {stale_max_s}}}"
        said = [str(one) for one in load_text(text, tmp_path).warnings]
        assert (
            any("vault.stale_max_s: is no longer than ttl_s: pools are out" in one for one in said) is warned
        )


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        (f"address: vault.lan, {TOKEN}", "vault.address: must begin with https:// or http://"),
        (f"address: http://vault.lan, {TOKEN}", "vault.address: http:// sends every secret in clear"),
        (f"address: https://u:p@vault.lan, {TOKEN}", "vault.address: must not hold a user name"),
        (f"{HTTPS}, auth: {{}}", "vault.auth: takes exactly one of approle, kubernetes, token"),
        (
            f"{HTTPS}, auth: {{token: env:KEY_A, kubernetes: {{role: r, jwt: env:KEY_B}}}}",
            "vault.auth: takes exactly one of approle, kubernetes, token",
        ),
        (f"{HTTPS}, auth: {{token: s.123}}", "vault.auth.token: must be a reference"),
        (f"{HTTPS}, auth: {{token: vault:kv/a#b}}", "vault.auth.token: is needed to get at vault"),
        (f"{HTTPS}, auth: {{approle: {{role_id: env:KEY_A}}}}", "vault.auth.approle.secret_id: is required"),
        (
            f"{HTTPS}, auth: {{approle: {{role_id: env:KEY_A, secret_id: env:GONE}}}}",
            "vault.auth.approle.secret_id: GONE is not set in the environment",
        ),
        (
            f"{HTTPS}, auth: {{kubernetes: {{role: gateway}}}}",
            "vault.auth.kubernetes.jwt: the file that it names does not exist",
        ),
        (f"{HTTPS}, {TOKEN}, ca_file: none.pem", "vault.ca_file: is not a readable PEM file"),
        (f"{HTTPS}, {TOKEN}, ttl_s: 60, stale_max_s: 59", "vault.stale_max_s: is less than ttl_s"),
        (f"{HTTPS}, {TOKEN}, namespace: /a/", "vault.namespace: must be names of A-Z"),
        (f"{HTTPS}, {TOKEN}, verify: false", "vault.verify: unknown field"),
    ],
)
def test_what_is_refused(inside: str, problem: str, tmp_path: Path) -> None:
    found = problems(f"vault: {{{inside}}}", tmp_path)
    assert any(line.startswith(f"kaze.yaml:1: {problem}") for line in found), found


def test_a_pools_secret_in_it_is_looked_up_later(tmp_path: Path) -> None:
    text = VALID.replace("env:UPSTREAM", "vault:kv/llm#key") + f"vault: {{{HTTPS}, {TOKEN}}}\n"
    key = load_text(text, tmp_path).snapshot.provider_keys[0]
    assert key.secret is None and str(key.reference) == "vault:kv/llm#key"


def test_so_are_a_tenant_keys_and_a_proxys(tmp_path: Path) -> None:
    proxied = "egress_proxy: 'http://127.0.0.1:3128', egress_proxy_auth: vault:kv/proxy#user"
    text = VALID.replace("env:KEY_A", "vault:kv/llm#key").replace("/v1}", f"/v1, {proxied}}}")
    snapshot = load_text(f"{text}vault: {{{HTTPS}, {TOKEN}}}\n", tmp_path).snapshot
    [key] = snapshot.awaited_keys
    assert (key.tenant.id, key.id, str(key.reference)) == ("acme", "web", "vault:kv/llm#key")
    assert [one.id for one in snapshot.tenant_keys.values()] == ["batch"]
    provider = snapshot.providers["openai"]
    assert provider.egress_proxy_auth is None
    assert str(provider.egress_proxy_reference) == "vault:kv/proxy#user"
    assert [line.partition(": ")[2] for line in problems(text, tmp_path)] == [
        "providers[0].egress_proxy_auth: is in vault, which the setting `vault` does not name",
        "tenants[0].keys[0].secret: is in vault, which the setting `vault` does not name",
    ]


def test_what_leads_elsewhere_may_not_be_in_it(tmp_path: Path) -> None:
    (refusal,) = problems(VALID + f"ledger: vault:kv/ledger#url\nvault: {{{HTTPS}, {TOKEN}}}\n", tmp_path)
    assert "ledger: must be memory" in refusal


def test_its_authorities_are_found_from_the_file(tmp_path: Path) -> None:
    Authority(tmp_path)
    vault = load_text(f"vault: {{{HTTPS}, {TOKEN}, ca_file: ca.pem}}", tmp_path).vault
    assert vault is not None and vault.ca_file == str(tmp_path / "ca.pem")
