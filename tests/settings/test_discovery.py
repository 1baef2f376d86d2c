"""Providers from the environment, the scripted one, and the credentials that are made once."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.settings.discover import ollama_url
from gateway.settings.load import load
from gateway.settings.problem import ConfigError
from gateway.settings.server import Settings
from keys.digest import digest
from keys.stored import read_or_make
from keys.tenant_key import key_id_of, mint
from tests.settings.loading import ENVIRON, VALID, load_text, problems


def bare(directory: Path, sim_url: str | None = None, **environ: str) -> Settings:
    beside = {} if sim_url is None else {"sim": sim_url}
    return load(None, {"KAZE_DATA_DIR": str(directory), **environ}, {}, beside)


def test_nothing_at_all_needs_the_scripted_provider(tmp_path: Path) -> None:
    settings = bare(tmp_path)
    assert settings.companions == {"sim"}
    started = settings.with_beside({"sim": "http://127.0.0.1:4321/v1"})
    assert started.created == settings.created
    for complete in (started, bare(tmp_path, "http://127.0.0.1:4321/v1")):
        snapshot = complete.snapshot
        (key,) = snapshot.provider_keys
        assert (key.id, key.provider.flavour, key.provider.local) == ("sim-key-1", "sim", True)
        assert str(key.provider.origin) == "http://127.0.0.1:4321" and key.provider.base_path == "/v1"
        meant = {name: str(route.targets[0]) for name, route in snapshot.routes.items()}
        assert meant == {
            "sim/chat": "sim/chat",
            "sim/embed": "sim/embed",
            "smart": "sim/chat",
            "fast": "sim/chat",
            "embed": "sim/embed",
        }
        (tenant_key,) = snapshot.tenant_keys.values()
        assert (tenant_key.id, tenant_key.tenant.id) == ("default", "default")


def with_local(directory: Path, text: str = "", **environ: str) -> Settings:
    """As `--with-local` beside a file of `text`."""
    (directory / "kaze.yaml").write_text(text or "{}")
    given = {"KAZE_DATA_DIR": str(directory / "data"), **environ}
    return load(directory / "kaze.yaml", given, {"with_local": True})


def test_local_models_are_a_provider_beside_the_gateway_in_place_of_the_scripted_one(tmp_path: Path) -> None:
    settings = with_local(tmp_path)
    assert settings.companions == {"local"}
    snapshot = settings.with_beside({"local": "http://127.0.0.1:4321/v1"}).snapshot
    (key,) = snapshot.provider_keys
    assert (key.id, key.provider.local, str(key.provider.origin)) == (
        "local-key-1", True, "http://127.0.0.1:4321",
    )  # fmt: skip
    assert {name: str(route.targets[0]) for name, route in snapshot.routes.items()} == {
        "local/smollm2": "local/smollm2",
        "local/all-minilm": "local/all-minilm",
        "smart": "local/smollm2",
        "fast": "local/smollm2",
        "embed": "local/all-minilm",
    }


def test_the_local_model_that_talks_is_said_to_read_text_alone(tmp_path: Path) -> None:
    (target,) = with_local(tmp_path).snapshot.routes["local/smollm2"].targets
    assert dict(target.facts.said) == {"vision": False, "pdf": False, "audio_in": False}
    text = "capabilities: {smollm2: {ctx: 2048}}\n"
    (target,) = with_local(tmp_path, text).snapshot.routes["local/smollm2"].targets
    assert dict(target.facts.said) == {"ctx": 2048}


def test_local_models_stand_beside_other_providers_and_no_hint_means_them(tmp_path: Path) -> None:
    settings = with_local(tmp_path, OPENAI_API_KEY="o1")
    assert list(settings.snapshot.providers) == ["openai", "local"]
    assert str(settings.snapshot.routes["fast"].targets) == str(
        bare(tmp_path, OPENAI_API_KEY="o1").snapshot.routes["fast"].targets
    )
    text = "models: [{id: fast, targets: [own/m], overflow: local/smollm2}]\n"
    text += "providers: [{id: own, dialect: ollama, base_url: 'http://127.0.0.1:11434', local: true}]"
    settings = with_local(tmp_path, text)
    assert settings.companions == {"local"} and list(settings.snapshot.providers) == ["own", "local"]
    assert set(settings.snapshot.routes) == {"fast", "local/smollm2", "local/all-minilm"}


def test_a_provider_of_the_files_own_by_the_name_of_the_local_ones_is_refused(tmp_path: Path) -> None:
    text = "providers: [{id: local, dialect: ollama, base_url: 'http://127.0.0.1:11434', local: true}]"
    with pytest.raises(ConfigError, match=r"^settings: with_local: is already the id of providers\[0\]"):
        with_local(tmp_path, text)


def test_settings_with_a_provider_have_no_place_for_the_scripted_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of their own"):
        load_text(VALID, tmp_path).with_beside({"sim": "http://127.0.0.1:1/v1"})


def test_credentials_are_made_once_and_kept(tmp_path: Path) -> None:
    first, second = bare(tmp_path / "data"), bare(tmp_path / "data")
    assert [made.name for made in first.created] == ["admin key", "tenant key"]
    assert second.created == ()
    assert first.admin_key == second.admin_key and first.snapshot.pepper == second.snapshot.pepper
    tenant_key = next(made.secret for made in first.created if made.name == "tenant key").reveal()
    assert key_id_of(tenant_key) == "default"
    assert digest(second.snapshot.pepper, tenant_key) in second.snapshot.tenant_keys
    for name in ("pepper", "admin-key", "tenant-key"):
        file = tmp_path / "data" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first.snapshot.pepper) >= 32
    # The file's text given by variable is the same pepper.
    text = (tmp_path / "data" / "pepper").read_text().strip()
    assert bare(tmp_path / "data", KAZE_KEY_PEPPER=text).snapshot.pepper == first.snapshot.pepper


def test_many_processes_at_once_agree(tmp_path: Path) -> None:
    def make(_: int) -> tuple[str, bool]:
        return read_or_make(tmp_path / "x" / "key", mint("a").reveal)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(make, range(64)))
    assert len({value for value, _ in results}) == 1
    assert sum(made for _, made in results) == 1
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["key"]


def test_without_persist_nothing_is_written(tmp_path: Path) -> None:
    settings = load(None, {"KAZE_DATA_DIR": str(tmp_path / "data")}, {}, persist=False)
    assert settings.created == () and not (tmp_path / "data").exists()


@pytest.mark.parametrize("damage", [b"", b"\xff" * 40, b"short", b"x" * 10_000, b"changeme" * 8])
def test_a_damaged_pepper_is_refused(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "pepper").write_bytes(damage)
    with pytest.raises(ConfigError, match="pepper in "):
        bare(tmp_path)


def test_an_exposed_credential_is_a_warning(tmp_path: Path) -> None:
    bare(tmp_path)
    (tmp_path / "pepper").chmod(0o644)
    (warning,) = bare(tmp_path).warnings
    assert "pepper in it is open to others" in str(warning)


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="KAZE_DATA_DIR"):
        bare(tmp_path / "data")


def test_providers_of_the_environment(tmp_path: Path) -> None:
    settings = bare(
        tmp_path, OPENAI_API_KEY="o1", ANTHROPIC_API_KEY="a1", GEMINI_API_KEY="g1", OLLAMA_HOST="0.0.0.0"
    )
    snapshot = settings.snapshot
    assert not settings.companions
    assert {name: provider.dialect for name, provider in snapshot.providers.items()} == {
        "openai": "openai",
        "anthropic": "anthropic",
        "gemini": "gemini",
        "ollama": "ollama",
    }
    secrets = {key.id: key.secret.reveal() if key.secret else None for key in snapshot.provider_keys}
    assert secrets == {
        "openai-key-1": "o1",
        "anthropic-key-1": "a1",
        "gemini-key-1": "g1",
        "ollama-key-1": None,
    }
    assert [target.provider.id for target in snapshot.routes["smart"].targets] == [
        "openai",
        "anthropic",
        "gemini",
    ]
    assert [target.provider.id for target in snapshot.routes["embed"].targets] == ["openai", "gemini"]


def test_empty_variables_are_not_set(tmp_path: Path) -> None:
    assert bare(tmp_path, OPENAI_API_KEY="", OLLAMA_HOST="").companions == {"sim"}


def test_a_base_url_of_the_environment(tmp_path: Path) -> None:
    settings = bare(tmp_path, OPENAI_API_KEY="k", OPENAI_BASE_URL="https://llm.example/v1")
    assert str(settings.snapshot.providers["openai"].origin) == "https://llm.example:443"
    assert settings.snapshot.routes == {}


def test_the_gateways_own_base_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="environment: OPENAI_BASE_URL: is the gateway's own address"):
        bare(tmp_path, OPENAI_API_KEY="k", OPENAI_BASE_URL="http://localhost:8080/v1")


def test_what_the_file_says_stands_beside_what_is_found(tmp_path: Path) -> None:
    text = """\
    pools: [{id: mine, provider: openai, secret: env:UPSTREAM, limits: {rpm: 5}}]
    models: [{id: smart, targets: [openai/own]}]
    """
    snapshot = load_text(text, tmp_path, {**ENVIRON, "OPENAI_API_KEY": "k"}).snapshot
    assert [key.id for key in snapshot.provider_keys] == ["mine"]
    assert str(snapshot.routes["smart"].targets[0]) == "openai/own" and "fast" in snapshot.routes


def test_a_bad_variable_is_named(tmp_path: Path) -> None:
    found = problems("", tmp_path, {**ENVIRON, "OPENAI_API_KEY": "line\nbreak", "OLLAMA_HOST": "a b"})
    assert found and all(line.startswith("environment: ") and "break" not in line for line in found)
    assert {line.split(": ")[1] for line in found} == {"OPENAI_API_KEY", "OLLAMA_HOST"}


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        (":9000", "http://127.0.0.1:9000"),
        ("box", "http://box:11434"),
        ("http://box:9000/", "http://box:9000"),
        ("https://box", "https://box"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("[::]:9000", "http://[::1]:9000"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(value: str, url: str) -> None:
    assert ollama_url(value) == url
