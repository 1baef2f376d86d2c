"""The ways in that need somebody else: a pod's service account, which Kubernetes vouches for, and a namespace."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]

from keys.secret import Secret
from keys.secrets.source import Fault
from keys.secrets.vault_login import KubernetesLogin, TokenLogin
from tests.keys.openbao import OpenBao
from tests.keys.vaults import ITS_PATH, KEY, fault_of, move, vault
from tests.upstream.authority import Authority


async def test_the_kubernetes_way(bao: OpenBao, tmp_path: Path) -> None:
    async def review(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the Kubernetes API server says to OpenBao about a service account's token."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        asked = json.loads(await reader.readexactly(int(length.split(b":")[1])))
        status: dict[str, Any] = {"authenticated": asked["spec"]["token"] == jwt}
        if status["authenticated"]:
            status["audiences"] = asked["spec"]["audiences"]
            status["user"] = {
                "username": "system:serviceaccount:kaze:gateway",
                "uid": "u-1",
                "groups": ["all"],
            }
        answer = json.dumps(
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}
        ).encode()
        writer.write(
            b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n" % len(answer)
            + answer
        )
        writer.close()

    jwt = service_account_token()
    presented = [jwt]
    server = await asyncio.start_server(review, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    bao.policy("kubernetes", ITS_PATH)
    bao.admin.sys.enable_auth_method("kubernetes", path="cluster/eu")
    # From a thread: OpenBao asks the Kubernetes above, which is in this loop.
    await asyncio.to_thread(
        lambda: bao.admin.adapter.post(
            "/v1/auth/cluster/eu/config",
            json={
                "kubernetes_host": address,
                "disable_local_ca_jwt": True,
                "token_reviewer_jwt": jwt,
                "kubernetes_ca_cert": Authority(tmp_path).ca_file.read_text(),
            },
        )
    )
    await asyncio.to_thread(
        lambda: bao.admin.auth.kubernetes.create_role(
            "gateway", ["gateway"], ["kaze"], ttl="1h", policies=["kubernetes"], mount_point="cluster/eu"
        )
    )
    login = KubernetesLogin("gateway", lambda: Secret(presented[0]), "cluster/eu")
    async with server, vault(bao, login) as source:
        assert (await source.fetch(KEY)).secret.reveal() == "sk-one"
        presented[0] = service_account_token(uid="u-2")
        move(3601)
        assert await fault_of(source) is Fault.DENIED


def service_account_token(uid: str = "u-1") -> str:
    """Its signature is Kubernetes' affair, which the test is."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    now = int(time.time())
    claims = {
        "iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"],
        "iat": now, "nbf": now - 5, "exp": now + 3600, "sub": "system:serviceaccount:kaze:gateway",
        "kubernetes.io": {"namespace": "kaze", "serviceaccount": {"name": "gateway", "uid": uid}},
    }  # fmt: skip
    return ".".join([part({"alg": "RS256", "typ": "JWT"}), part(claims), part("signature")])


async def test_a_namespace_is_a_vault_of_its_own(bao: OpenBao) -> None:
    bao.admin.adapter.post("/v1/sys/namespaces/team-a")
    inside = hvac.Client(bao.address, token=bao.admin.token, namespace="team-a", timeout=30)
    inside.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    inside.secrets.kv.v2.create_or_update_secret("llm/openai", {"key": "sk-of-team-a"}, mount_point="secret")
    inside.sys.create_or_update_policy("reader", f'path "{ITS_PATH}" {{ capabilities = ["read"] }}')
    token = inside.auth.token.create(policies=["reader"], ttl="1h")["auth"]["client_token"]
    inside.adapter.close()
    login = TokenLogin(lambda: Secret(token))
    async with vault(bao, login, namespace="team-a") as source:
        assert (await source.fetch(KEY)).secret.reveal() == "sk-of-team-a"
    async with vault(bao, login) as source:
        assert await fault_of(source) is Fault.DENIED
