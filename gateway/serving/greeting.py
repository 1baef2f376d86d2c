"""What a start prints: where the gateway listens, credentials that this start made, and a first request.

Credentials are shown by the start that made them and never again; later starts point at the files that hold
them, so that the curl line works as pasted every time.
"""

import os
import shlex
from pathlib import Path

from gateway.capabilities import USUAL
from gateway.dialects.passage import passage
from gateway.settings.server import Settings
from gateway.settings.snapshot import Provider


def greeting(settings: Settings, data_url: str, admin_url: str) -> str:
    made = {created.name: created.secret.reveal() for created in settings.created}
    lines = [
        "Kaze Gateway is ready.",
        f"  OpenAI base URL   {data_url}/v1",
        f"  Anthropic, Google {data_url}",
        f"  admin             {admin_url}",
    ]
    lines += [f"  {name:<17} {secret}" for name, secret in made.items()]
    if made:
        lines.append(f"  (shown once; kept in {settings.data_dir.resolve()})")
    else:
        lines += [f"  {name:<17} in {path}" for name, path in kept_keys(settings).items()]
    if "sim" in settings.companions:
        lines.append("  No provider is configured: the scripted one, sim, answers.")
    chatting = [p.id for p in settings.snapshot.providers.values() if chats(p)]
    model = first_model(settings)
    if not chatting:
        lines.append("  No configured provider has a model that talks: chat requests are refused.")
    elif model is None:  # nothing says which models there are
        names = ", ".join(f"{name}/…" for name in chatting)
        lines.append(f"  Name models as provider/model: {names}")
        model = f"{chatting[0]}/MODEL"
    if model is not None:
        lines += [
            "Try:",
            "  " + curl_line(data_url, tenant_key_words(settings, made.get("tenant key")), model),
        ]
    return "\n".join(lines) + "\n"


def first_model(settings: Settings) -> str | None:
    """A route that answers a chat request; None when there is none."""
    routes = settings.snapshot.routes
    if "sim/chat" in routes:
        return "sim/chat"
    return next(
        (name for name, route in routes.items() if any(chats(t.provider) for t in route.targets)), None
    )


def chats(provider: Provider) -> bool:
    """Whether chat completions reach it, as they are or translated."""
    return passage("chat", provider.dialect, provider.apis, USUAL) is not None


def tenant_key_words(settings: Settings, made: str | None) -> str:
    """How a shell gets at a tenant key: itself, from its file, or from a variable that the reader sets."""
    if made is not None:
        return made
    kept = kept_keys(settings).get("tenant key")
    return "$TENANT_KEY" if kept is None else f"$(cat {shlex.quote(str(kept))})"


def kept_keys(settings: Settings) -> dict[str, Path]:
    """Files that hold keys made by an earlier start and still in force."""
    directory = settings.data_dir.resolve()
    names = {} if "KAZE_ADMIN_KEY" in os.environ else {"admin key": directory / "admin-key"}
    if "default" in settings.snapshot.tenants:
        names["tenant key"] = directory / "tenant-key"
    return {name: path for name, path in names.items() if path.is_file()}


def curl_line(data_url: str, key_words: str, model: str) -> str:
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    return (
        f'curl -sS {data_url}/v1/chat/completions -H "authorization: Bearer {key_words}" '
        f"-H 'content-type: application/json' -d '{body}'"
    )
