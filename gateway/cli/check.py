"""`kaze check`: what is wrong with a configuration, a line a problem; with `--live` also what it leads to.

Prints ids, counts and statuses only: a provider's error message may repeat part of a key, so none is shown.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.load import load
from gateway.settings.problem import ConfigError
from gateway.settings.server import Settings
from gateway.settings.snapshot import Origin, Provider, ProviderKey
from gateway.settings.unenforced import unenforced

if TYPE_CHECKING:
    import httpx2


def check(config: Path | None, live: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Print the findings and return the exit status: 0 when nothing is wrong, 1 otherwise."""
    try:
        settings = load(config, environ, {}, persist=False)
    except ConfigError as error:
        for problem in error.problems:
            print(problem)
        return 1
    for warning in settings.warnings:
        print(f"warning: {warning}")
    for sentence in unenforced(settings):
        print(f"warning: {sentence}")
    print(_summary(settings))
    if not live:
        return 0
    from gateway.cli.check_stores import check_database, check_ledger, with_secrets

    reached = all([check_database(settings), check_ledger(settings)])
    for name in sorted(settings.companions):
        print(f"not reached: provider {name}: kaze serve starts it")
    keys, all_there = with_secrets(settings)
    accepted = [_check_key(key) for key in keys if key.provider.id not in settings.companions]
    return 0 if all((reached, all_there, *accepted)) else 1


def _summary(settings: Settings) -> str:
    snapshot = settings.snapshot
    source = "no file" if settings.source is None else str(settings.source)
    counts = ", ".join(
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in (
            (len(snapshot.providers), "provider"),
            (len(snapshot.provider_keys), "pool"),
            (len(snapshot.routes), "model"),
            (len(snapshot.tenants), "tenant"),
            (len(snapshot.tenant_keys) + len(snapshot.awaited_keys), "tenant key"),
        )
    )
    return f"ok: {source}: {counts}; database {settings.database.kind}, ledger {settings.ledger.kind}"


def _check_key(key: ProviderKey) -> bool:
    """Reach the key's provider with it; prints one line and says whether it was accepted."""
    # Imported here: the SDK costs a second and a check without --live does not need it.
    from gateway.cli.http_client import UnreachedError, reaching

    try:
        with reaching(), _client(key.provider) as client:
            if key.provider.dialect in ("anthropic", "gemini"):
                good, words = _ask(client, key)
            else:
                good, words = _list_models(client, key)
    except UnreachedError as error:
        good, words = False, str(error)
    print(f"{'ok' if good else 'FAILED'}: pool {key.id} ({_url(key.provider.origin)}): {words}")
    return good


def _client(provider: Provider) -> "httpx2.Client":
    """A client that goes where the gateway would: same proxy and roots."""
    from gateway.cli.http_client import http_client

    context = ssl.create_default_context()
    if provider.ca_file is not None:
        context.load_verify_locations(cafile=provider.ca_file)
    proxy, auth = provider.egress_proxy, provider.egress_proxy_auth
    user, _, password = (auth.reveal() if auth is not None else "").partition(":")
    credentials = None if auth is None else (user, password)
    return http_client(context, proxy=None if proxy is None else _url(proxy), proxy_auth=credentials)


def _ask(client: "httpx2.Client", key: ProviderKey) -> tuple[bool, str]:
    """The list of models in the provider's own way; the body is not read."""
    secret = "" if key.secret is None else key.secret.reveal()
    if key.provider.dialect == "anthropic":
        path, headers = "/v1/models", {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    else:
        path, headers = "/v1beta/models", {"x-goog-api-key": secret}
    with client.stream("GET", _url(key.provider.origin) + path, headers=headers) as reply:
        return _verdict(reply.status_code)


def _list_models(client: "httpx2.Client", key: ProviderKey) -> tuple[bool, str]:
    """The list of models through the official SDK."""
    import openai

    from gateway.cli.http_client import TIMEOUT_S

    provider = key.provider
    secret = "none" if key.secret is None else key.secret.reveal()
    azure = provider.dialect == "azure"
    base = {
        "azure": "/openai" if provider.api_version is not None else "/openai/v1",
        "ollama": "/v1",
    }.get(provider.dialect, provider.base_path)
    sdk = openai.OpenAI(
        api_key=secret,
        base_url=_url(provider.origin) + base,
        default_headers={"api-key": secret} if azure else None,
        default_query={"api-version": provider.api_version} if provider.api_version else None,
        timeout=TIMEOUT_S,
        max_retries=0,
        http_client=client,
    )
    try:
        models: object = sdk.models.list().data
    except openai.APIStatusError as error:
        return _verdict(error.status_code)
    except openai.APITimeoutError:
        return False, f"no answer within {TIMEOUT_S:g} s"
    except openai.OpenAIError as error:
        return False, f"cannot be reached ({type(error.__cause__ or error).__name__})"
    if not isinstance(models, list):
        return False, "answered, but not with a list of models"
    return True, f"accepted, {len(models)} models"


def _verdict(status: int) -> tuple[bool, str]:
    if 200 <= status < 300:
        return True, "accepted"
    if status in (401, 403):
        return False, f"the key is refused (HTTP {status})"
    return False, f"reached, but answered HTTP {status}"


def _url(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{origin.scheme}://{host}:{origin.port}"
