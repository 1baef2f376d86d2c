"""The places that secrets come from, each with what is needed to put something there."""

import asyncio
import uuid
from pathlib import Path
from typing import Protocol

from keys.secrets.env import EnvironmentSource
from keys.secrets.file import FileSource
from keys.secrets.reference import Reference, parse
from keys.secrets.source import SecretSource
from keys.secrets.vault import VaultSource
from tests.keys.openbao import OpenBao


class Place(Protocol):
    """Somewhere that one secret can be put, changed and taken away."""

    source: SecretSource
    reference: Reference

    def put(self, value: str) -> None: ...

    def remove(self) -> None: ...

    async def close(self) -> None: ...


class InEnvironment:
    def __init__(self) -> None:
        self._environ: dict[str, str] = {}
        self.source: SecretSource = EnvironmentSource(self._environ)
        self.reference = parse("env:PROVIDER_KEY")

    def put(self, value: str) -> None:
        self._environ["PROVIDER_KEY"] = value

    def remove(self) -> None:
        self._environ.clear()

    async def close(self) -> None:
        pass


class InFile:
    """Changed as Kubernetes does it: the file is another one from one moment to the next."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "provider-key"
        self.source: SecretSource = FileSource()
        self.reference = parse(f"file:{self._path}")

    def put(self, value: str) -> None:
        draft = self._path.with_name(uuid.uuid4().hex)
        draft.write_text(value, newline="")
        draft.chmod(0o600)
        draft.replace(self._path)

    def remove(self) -> None:
        self._path.unlink()

    async def close(self) -> None:
        pass


class InVault:
    """A secret of its own in a KV engine of `version`, read by a role that may read nothing else."""

    def __init__(self, bao: OpenBao, version: int) -> None:
        self._path = f"llm/{uuid.uuid4().hex}"
        self._version = version
        self._bao = bao
        self._mount = "secret" if version == 2 else "old/kv"
        if f"{self._mount}/" not in bao.admin.sys.list_mounted_secrets_engines()["data"]:
            bao.admin.sys.enable_secrets_engine("kv", path=self._mount, options={"version": "1"})
        of_version = f"secret/data/{self._path}" if version == 2 else f"old/kv/{self._path}"
        login = bao.approle(of_version)
        self._vault = VaultSource(bao.server(), login, asyncio.get_running_loop().time, fetch_s=60)
        self.source: SecretSource = self._vault
        self.reference = parse(f"vault:{self._mount}/{self._path}#key1")

    def put(self, value: str) -> None:
        if self._version == 2:
            self._bao.put(self._path, key1=value, other="of no interest")
        else:
            self._bao.admin.secrets.kv.v1.create_or_update_secret(
                self._path, {"key1": value}, mount_point=self._mount
            )

    def remove(self) -> None:
        if self._version == 2:
            self._bao.admin.secrets.kv.v2.delete_latest_version_of_secret(self._path, mount_point="secret")
        else:
            self._bao.admin.secrets.kv.v1.delete_secret(self._path, mount_point=self._mount)

    async def close(self) -> None:
        await self._vault.close()
