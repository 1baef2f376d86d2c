"""`secrets:` in the file: what those may refer to who write to the database and not to the file."""

from pydantic import Field

from gateway.settings.schema_types import ListOf, SecretPlaces, Section


class SecretsSection(Section):
    """What may be referred to as a secret."""

    rows_may_read: ListOf[SecretPlaces] = Field(
        default=("vault:*", "env:KAZE_PROVIDER_*"),
        description="What pools and providers of the database (made by the admin API) may refer to: `env:NAME`, "
        "`file:/path` and `vault:mount/path#field`; with `*` at the end all that begins so, `file:/directory/*` "
        "all that lies in it. This file may refer to anything.",
    )
