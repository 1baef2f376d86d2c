"""Every rule on the file, with the path and line that it is reported at."""

from pathlib import Path

import pytest

from tests.settings.loading import ENVIRON, VALID, load_text, problems


def test_the_valid_file_has_no_problem(tmp_path: Path) -> None:
    assert problems(VALID, tmp_path) == []


#: What is changed in the valid file (old → new) and the one line that must come of it.
CASES = [
    ("input: 1.25", "inputs: 1.25", "32: prices[0].inputs: unknown field; did you mean `input`?"),
    ("input: 1.25", "input: -1", "32: prices[0].input: must be at least 0"),
    (
        "input: 1.25",
        "cache_read: 2, input: 1",
        "32: prices[0]: standard: reading from the cache costs more than",
    ),
    ("input: 1.25, output: 8, ", "", "32: prices[0]: a price that prices nothing"),
    ("{flex: 0.5}", "{flex: -1}", "32: prices[0].multipliers.flex: must be at least 0"),
    ("id: acme-later", "id: agreed", "33: prices[1].id: is already the id of prices[0] in line 32"),
    ("since: 2027-01-01", "since: 2027-13-01", "35: prices[1].since: is no day"),
    ("tokens: 200000", "tokens: 0", "37: prices[1].above[0].tokens: must be greater than 0"),
    ("input: 2}", "input: 0.5}", "33: prices[1]: standard: cheaper above 200000 tokens than"),
    (
        "input: 2}]",
        "input: 2}, {tokens: 200000, output: 1}]",
        "37: prices[1].above: names a number of tokens twice",
    ),
    ("echo_model: true", "echo_mode: true", "30: echo_mode: unknown field; did you mean `echo_model`?"),
    ("{rpm: 100,", "{rpn: 100,", "9: pools[0].limits.rpn: unknown field; did you mean `rpm`?"),
    (
        '{"gpt-6-astra*": {rpm: 5}}',
        '{"gpt-6-astra*": {rmp: 5}}',
        '10: pools[0].model_limits["gpt-6-astra*"].rmp',
    ),
    ("ctx: 1000", "ctz: 1000", '28: capabilities["llama*"].ctz: unknown field; did you mean `ctx`?'),
    ("{rpm: 6}", "{rpm: 0}", "22: tenants[0].keys[0].limits.rpm: must be greater than 0"),
    ("{rpm: 6}", "{rpm: -1}", "22: tenants[0].keys[0].limits.rpm: must be greater than 0"),
    ("{rpm: 6}", "{rpm: 1.5}", "22: tenants[0].keys[0].limits.rpm: must be a whole number"),
    ("{rpm: 6}", "{rpm: true}", "22: tenants[0].keys[0].limits.rpm: must be a whole number"),
    ("{rpm: 6}", '{rpm: "6"}', "22: tenants[0].keys[0].limits.rpm: must be a whole number"),
    ("{rpm: 6}", "6", "22: tenants[0].keys[0].limits: must be a mapping"),
    ("weight: 2", "weight: 0", "18: tenants[0].weight: must be at least 0.001"),
    ("weight: 2", "weight: 1.0e-300", "18: tenants[0].weight: must be at least 0.001"),
    ("weight: 2", "weight: 1001", "18: tenants[0].weight: must be at most 1000"),
    ("weight: 2", "weight: .inf", "18: tenants[0].weight: must be a number"),
    ("weight: 2", "weight:", "18: tenants[0].weight: is empty"),
    ("usd: 0.1", "usd: -1", "20: tenants[0].budgets[0].usd: must be greater than 0"),
    (
        "usd: 0.1",
        "usd: 0.0000000015",
        "20: tenants[0].budgets[0].usd: must have at most 9 digits after the point",
    ),
    ("usd: 0.1", "usd: ~", "20: tenants[0].budgets[0].usd: is empty"),
    ("period: month", "period: year", "20: tenants[0].budgets[0].period: must be 'day', 'week', 'month' or"),
    (
        "period: month",
        "anchor: 8, period: week",
        "20: tenants[0].budgets[0].anchor: must be at most 7 for a week",
    ),
    (
        "period: month",
        "anchor: 2, period: day",
        "20: tenants[0].budgets[0].anchor: must be at most 1 for a day",
    ),
    ("period: month", "anchor: 32, period: month", "20: tenants[0].budgets[0].anchor: must be at most 31"),
    ("period: month", "anchor: 0, period: month", "20: tenants[0].budgets[0].anchor: must be greater than 0"),
    ("priority: conversation", "priority: urgent", "22: tenants[0].keys[0].priority: must be 'supervised'"),
    ("priority: evaluation", "priority: supervised", "23: tenants[0].keys[1].priority: is more urgent than"),
    ("id: acme", "id: Acme", "17: tenants[0].id: must be 1 to 64 of a-z"),
    ("id: smart", 'id: "sm art"', "14: models[0].id: must be 1 to 256 printable ASCII characters without"),
    ("openai/gpt-6-sol", "gpt-6-sol", "14: models[0].targets[0]: must be `provider/model`"),
    (
        "openai/gpt-6-sol",
        "opnai/gpt-6-sol",
        "14: models[0].targets[0]: no such provider; did you mean `openai`?",
    ),
    ("[openai/gpt-6-sol]", "[]", "14: models[0].targets: must not be empty"),
    ("[openai/gpt-6-sol]", "[openai/a, openai/a]", "14: models[0].targets[1]: is named twice"),
    ("local/llama3.2", "lokal/llama3.2", "15: models[1].overflow: no such provider; did you mean `local`?"),
    (
        "overflow: local/llama3.2",
        "overflow: openai/gpt-6-sol",
        "15: models[1].overflow: `openai` is not local: overflow goes to models of our own, never to a paid one",
    ),
    ("provider: openai", "provider: opena", "6: pools[0].provider: no such provider; did you mean `openai`?"),
    ("tenants: [acme]", "tenants: [acmee]", "8: pools[0].tenants[0]: no such tenant; did you mean `acme`?"),
    (
        "tenants: [acme]",
        'tenants: [acme, "*"]',
        "8: pools[0].tenants[1]: `*` is every tenant and stands alone",
    ),
    ("tenants: [acme]", "tenants: []", "8: pools[0].tenants: must not be empty"),
    (
        "{smart: openai",
        "{smrt: openai",
        "19: tenants[0].models.smrt: no such model route; did you mean `smart`?",
    ),
    (
        "openai/gpt-6.1-sol",
        "opena/x",
        "19: tenants[0].models.smart: no such provider; did you mean `openai`?",
    ),
    ("id: local,", "id: openai,", "3: providers[1].id: is already the id of providers[0] in line 2"),
    ("id: fast,", "id: smart,", "15: models[1].id: is already the id of models[0] in line 14"),
    ("id: batch", "id: web", "23: tenants[0].keys[1].id: is already the id of tenants[0].keys[0] in line 22"),
    (
        "env:KEY_B",
        "env:KEY_A",
        "23: tenants[0].keys[1].secret: has the same value as tenants[0].keys[0].secret",
    ),
    ("env:KEY_B", "env:KEY_C", "23: tenants[0].keys[1].secret: KEY_C is not set in the environment"),
    ("env:KEY_B", "env:UPSTREAM", "23: tenants[0].keys[1].secret: the key is shorter than 20 characters"),
    ("env:UPSTREAM", "sk-proj-1234", "7: pools[0].secret: must be a reference (env:NAME"),
    (
        "env:UPSTREAM",
        "env:sk-proj-1234",
        "7: pools[0].secret: env: takes the name of an environment variable",
    ),
    ("env:UPSTREAM", "file:secret", "7: pools[0].secret: file: takes an absolute path"),
    ("env:UPSTREAM", "file:/no/such", "7: pools[0].secret: the file that it names does not exist"),
    ("env:UPSTREAM", "file:/dev/zero", "7: pools[0].secret: the file that it names does not exist or is not"),
    (
        "env:UPSTREAM",
        "vault:kv/llm#key",
        "7: pools[0].secret: is in vault, which the setting",
    ),
    ("env:UPSTREAM", "vault:kv", "7: pools[0].secret: vault: takes mount/path#field"),
    *(
        (
            "echo_model: true",
            f"secrets: {{rows_may_read: ['env:A', '{no}']}}",
            "secrets.rows_may_read[1]: must be",
        )
        for no in (
            "A",
            "env:",
            "env:A*B",
            "env:*A",
            "vault:",
            "vault:a*/b",
            "file:a/*",
            "file:/a*",
            "file:/a/*/b",
        )
    ),
    ("    secret: env:UPSTREAM\n", "", "5: pools[0].secret: is required for a provider that is not local"),
    ("    provider: openai\n", "", "5: pools[0].provider: is required"),
    ("burst_s: 10", "burst_s: 61", "11: pools[0].windows.burst_s: must be at most 60"),
    ("burst_s: 10", "burst_s: 0.001", "11: pools[0].windows.burst_s: must be at least 0.1"),
    ("https://api.openai.com/v1", "http://api.openai.com/v1", "2: providers[0].base_url: http:// sends the"),
    (
        "https://api.openai.com/v1",
        "https://api.openai.com",
        "2: providers[0].base_url: must include the version",
    ),
    (
        "https://api.openai.com/v1",
        "https://u:p@api.openai.com/v1",
        "2: providers[0].base_url: must not hold a",
    ),
    (
        "https://api.openai.com/v1",
        "https://api.openai.com/v1?a",
        "2: providers[0].base_url: must end with the",
    ),
    (
        "https://api.openai.com/v1",
        "https:api.openai.com/v1",
        "2: providers[0].base_url: must begin with https",
    ),
    (
        "https://api.openai.com/v1",
        "ftp://api.openai.com/v1",
        "2: providers[0].base_url: must begin with https",
    ),
    ("https://api.openai.com/v1", '"https://a:99999/v1"', "2: providers[0].base_url: is not a URL"),
    ("https://api.openai.com/v1", "https://-/v1", "2: providers[0].base_url: has no valid host name"),
    ("https://api.openai.com/v1", "https://é.com/v1", "2: providers[0].base_url: must be printable ASCII"),
    (
        "https://api.openai.com/v1",
        "https://a.com/../v1",
        "2: providers[0].base_url: has a path that is not plain",
    ),
    (
        "https://api.openai.com/v1",
        "http://127.0.0.1:8080/v1",
        "2: providers[0].base_url: is the gateway's own",
    ),
    (":11434,", ":11434/v1,", "3: providers[1].base_url: must be the bare root for dialect ollama"),
    (":11434,", ":11434, flavour: groq,", "3: providers[1].flavour: is not a flavour of dialect ollama"),
    (":11434,", ":11434, api_version: x,", "3: providers[1].api_version: is for dialect azure only"),
    (":11434,", ":11434, apis: [chats],", "3: providers[1].apis[0]: no such API; did you mean `chat`?"),
    (":11434,", ":11434, ca_file: none.pem,", "3: providers[1].ca_file: is not a readable PEM file"),
    (
        ":11434,",
        ":11434, egress_proxy: 'http://a:1/x',",
        "3: providers[1].egress_proxy: must be scheme, host",
    ),
    (
        ":11434,",
        ":11434, egress_proxy: 'http://a:b@c',",
        "3: providers[1].egress_proxy: must not hold a user",
    ),
    (":11434,", ":11434, egress_proxy_auth: env:KEY_A,", "3: providers[1].egress_proxy_auth: "),
    ("depth_max: 10", "depth_max: many", "24: queue.depth_max: must be a whole number"),
    ("on_disconnect: drain", "on_disconnect: no", "26: on_disconnect: must be 'cancel', 'drain' or 'auto'"),
    ("on_disconnect: drain", "on_disconnect:", "26: on_disconnect: is empty"),
    ("on_disconnect: drain", "on_ledger_loss: open", "26: on_ledger_loss: given twice (first in line 25)"),
    ("on_disconnect: drain", "workers: 0", "26: workers: must be at least 1"),
    ("on_disconnect: drain", "admin_port: 8080", "26: admin_port: must not be the same as port"),
    (
        "on_disconnect: drain",
        "database: mysql://u:p@h/db",
        "26: database: must be embedded, none or postgresql://…",
    ),
    ("on_disconnect: drain", "ledger: http://x", "26: ledger: must be memory, embedded, redis://…"),
    (
        "on_disconnect: drain",
        "ledger: 'redis://:p/w@h:1'",
        "26: ledger: has a port that is no number from 1 to",
    ),
    (
        "on_disconnect: drain",
        "ledger: 'redis://h:99999'",
        "26: ledger: has a port that is no number from 1 to",
    ),
    ("on_disconnect: drain", "ledger: 'redis://h/x'", "26: ledger: ends in what is no number of a database"),
    ("on_disconnect: drain", "ledger: 'redis://a:1,b:2'", "26: ledger: names several hosts"),
    ("on_disconnect: drain", "ledger: 'redis+sentinel://h:1'", "26: ledger: ends without /SERVICE"),
    ("on_disconnect: drain", "ledger: 'redis+cluster://:1'", "26: ledger: names no host"),
    ("on_disconnect: drain", "{workers: 2}", "not valid YAML"),
    ("on_disconnect: drain", "vault: {address: a, auth: {}}", "26: vault.auth: takes exactly one of approle"),
    (
        "on_disconnect: drain",
        "vault: {address: a, auth: {token: s.123}}",
        "26: vault.auth.token: must be a ref",
    ),
    ("echo_model: true", "echo_model: yes", "30: echo_model: must be true or false"),
    ("echo_model: true", "echo_model: !!bool true", "30: echo_model: tags are not supported"),
    ("echo_model: true", "echo_model: *gone", "30: echo_model: an alias without an anchor before it"),
    ("echo_model: true", "echo_model: true\n---\na: 1", "31: only one document is allowed"),
    ("echo_model: true", "\ttab: 1", "not valid YAML"),
    ("echo_model: true", "nul: \x00", "30: not valid YAML: a character that is not allowed"),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_rule(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert VALID.count(old) >= 1
    found = problems(VALID.replace(old, new, 1), tmp_path)
    assert any(expected in line for line in found), found
    assert all(line.startswith("kaze.yaml:") for line in found)


def test_all_problems_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems("workers: 0\nport: x\nzzz: 1\npools: [{id: A}]\n", tmp_path)
    assert [line.split(":")[1] for line in found] == ["1", "2", "3", "4", "4"]


def test_memory_ledger_is_for_one_worker(tmp_path: Path) -> None:
    assert problems("ledger: memory\nworkers: 2\n", tmp_path) == [
        "kaze.yaml:1: ledger: memory is for one worker, and workers is 2"
    ]
    assert load_text("workers: 2\n", tmp_path).ledger.kind == "embedded"
    assert load_text("workers: 1\n", tmp_path).ledger.kind == "memory"


def test_insecure_http_is_accepted_when_said(tmp_path: Path) -> None:
    for text in ("insecure_http: true", "local: true"):
        provider = f"{{id: a, dialect: openai, base_url: 'http://models.lan/v1', {text}}}"
        assert problems(f"providers: [{provider}]", tmp_path) == []


def test_beyond_loopback_only_with_an_admin_credential(tmp_path: Path) -> None:
    environ = {name: value for name, value in ENVIRON.items() if name != "KAZE_ADMIN_KEY"}
    (refusal,) = problems("host: 0.0.0.0\n", tmp_path, environ)
    assert refusal.startswith("kaze.yaml:1: host: listens beyond this machine")
    assert problems("host: 0.0.0.0\n", tmp_path) == []
    assert problems("host: 127.0.0.1\n", tmp_path, environ) == []  # makes one …
    assert problems("host: 0.0.0.0\n", tmp_path, environ) == []  # … which then is there


@pytest.mark.parametrize("weak", ["", "changeme", "sk-1234", "x7" * 15, "changeme" * 5])
def test_weak_pepper_is_refused(weak: str, tmp_path: Path) -> None:
    (refusal,) = problems(VALID, tmp_path, {**ENVIRON, "KAZE_KEY_PEPPER": weak})
    assert refusal.startswith("environment: KAZE_KEY_PEPPER: ")
    assert not weak or weak not in refusal


@pytest.mark.parametrize("weak", ["", "   ", "changeme", "sk-1234", "short-key"])
def test_weak_admin_key_is_refused(weak: str, tmp_path: Path) -> None:
    (refusal,) = problems(VALID, tmp_path, {**ENVIRON, "KAZE_ADMIN_KEY": weak})
    assert refusal.startswith("environment: KAZE_ADMIN_KEY: ")


def test_admin_key_is_no_tenant_key(tmp_path: Path) -> None:
    (refusal,) = problems(VALID, tmp_path, {**ENVIRON, "KAZE_ADMIN_KEY": ENVIRON["KEY_A"]})
    assert refusal == "environment: KAZE_ADMIN_KEY: is also a tenant key"


def test_a_refused_start_leaves_nothing_on_disk(tmp_path: Path) -> None:
    assert problems(
        VALID.replace("env:UPSTREAM", "env:GONE"), tmp_path, {"KEY_A": "a" * 30, "KEY_B": "b" * 30}
    )
    assert not (tmp_path / "data").exists()
