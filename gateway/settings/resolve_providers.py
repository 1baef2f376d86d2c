"""Providers and provider keys of the file as the snapshot has them."""

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath

from gateway.settings import endpoint
from gateway.settings.apis import default_apis, default_flavour, flavour_fits
from gateway.settings.places import Findings
from gateway.settings.problem import Path
from gateway.settings.schema import ConfigFile, LimitsSection, PoolSection, ProviderSection
from gateway.settings.secrets import UnresolvedError, resolve
from gateway.settings.snapshot import Limits, Origin, Provider, ProviderKey
from gateway.settings.validate import check_apis, suggestion
from keys.secret import Secret
from keys.secrets.reference import MalformedReferenceError, Reference, parse


def limits_of(section: LimitsSection) -> Limits:
    """The snapshot's limits with the fields of the file's."""
    return Limits(**section.model_dump())


def find_secret(reference: str, environ: Mapping[str, str], path: Path, findings: Findings) -> Secret | None:
    """What `reference` stands for, or None: nobody asks for secrets, or a problem was added at `path`."""
    if not findings.secrets:
        return None
    try:
        return resolve(reference, environ)
    except UnresolvedError as error:
        findings.add(path, str(error))
        return None


def find_kept(
    text: str | None, has_vault: bool, environ: Mapping[str, str], path: Path, findings: Findings
) -> tuple[Secret | None, Reference | None]:
    """The secret as it is now, and where it is kept. Vault is asked later: it may be away, and takes its time."""
    if text is None:
        return None, None
    try:
        reference = parse(text)
    except MalformedReferenceError as error:
        findings.add(path, str(error))
        return None, None
    if reference.scheme != "vault":
        return find_secret(text, environ, path, findings), reference
    if not has_vault:
        findings.add(path, "is in vault, which the setting `vault` does not name")
    return None, reference


def find_ca_file(name: str | None, base: FilePath, path: Path, findings: Findings) -> str | None:
    """Where the authorities to trust are, or None: the system's, or a problem was added under `path`."""
    if name is None:
        return None
    try:
        file = base / name
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(file))
    except (OSError, ValueError):
        # ssl.SSLError is an OSError: a file that is missing or holds no certificate.
        findings.add((*path, "ca_file"), "is not a readable PEM file of certificates")
        return None
    return str(file)


def resolve_providers(
    file: ConfigFile, environ: Mapping[str, str], base: FilePath, findings: Findings
) -> dict[str, Provider]:
    """Every provider that is without problems, by id. `base` is what relative file names start from."""
    providers: dict[str, Provider] = {}
    first: dict[str, Path] = {}
    for index, section in enumerate(file.providers):
        path: Path = ("providers", index)
        if is_duplicate(section.id, path, first, findings):
            continue
        provider = _provider(section, file, environ, base, path, findings)
        if provider is not None:
            providers[section.id] = provider
    return providers


def resolve_pools(
    file: ConfigFile,
    providers: Mapping[str, Provider],
    tenants: Iterable[str],
    environ: Mapping[str, str],
    findings: Findings,
) -> tuple[ProviderKey, ...]:
    """Every provider key, and one without a secret for each local provider that has no pool.

    `tenants` are the ids that a pool may name.
    """
    known_tenants = dict.fromkeys(tenants)
    known_providers = {section.id for section in file.providers}
    keys: list[ProviderKey] = []
    first: dict[str, Path] = {}
    for index, pool in enumerate(file.pools):
        path: Path = ("pools", index)
        if is_duplicate(pool.id, path, first, findings):
            continue
        if pool.provider not in known_providers:
            hint = suggestion(pool.provider, sorted(known_providers))
            findings.add((*path, "provider"), f"no such provider{hint}")
        tenants_of = _tenants(pool, known_tenants, path, findings)
        kept = find_kept(pool.secret, file.vault is not None, environ, (*path, "secret"), findings)
        key = _pool(pool, providers.get(pool.provider), tenants_of, kept, path, findings)
        if key is not None:
            keys.append(key)
    served = {pool.provider for pool in file.pools}
    for index, section in enumerate(file.providers):
        provider = providers.get(section.id)
        if provider is None or section.id in served:
            continue
        if not provider.local:
            findings.warn(("providers", index), "has no pool, so nothing can be sent to it")
        elif section.id in first:
            message = f"local and without a pool, but its id is taken by {findings.where(first[section.id])}"
            findings.add(("providers", index, "id"), message)
        else:
            secret = Secret(section.id) if provider.flavour == "sim" else None
            keys.append(ProviderKey(section.id, provider, secret, None))
    return tuple(keys)


def is_duplicate(name: str, path: Path, first: dict[str, Path], findings: Findings) -> bool:
    """Whether `name` was seen before (a problem is added at its id); else it is noted in `first`."""
    if name in first:
        findings.add((*path, "id"), f"is already the id of {findings.where(first[name])}")
        return True
    first[name] = path
    return False


def _provider(
    section: ProviderSection,
    file: ConfigFile,
    environ: Mapping[str, str],
    base: FilePath,
    path: Path,
    findings: Findings,
) -> Provider | None:
    address = _base_url(section, path, findings)
    proxy = _proxy(section, path, findings)
    auth, reference = _proxy_auth(section, file.vault is not None, environ, path, findings)
    if section.api_version is not None and section.dialect != "azure":
        findings.add((*path, "api_version"), "is for dialect azure only")
    if section.flavour is not None and not flavour_fits(section.dialect, section.flavour):
        findings.add((*path, "flavour"), f"is not a flavour of dialect {section.dialect}")
        return None
    check_apis(section.apis or (), (*path, "apis"), findings)
    ca_file = find_ca_file(section.ca_file, base, path, findings)
    if address is None:
        return None
    origin, base_path = address
    flavour = section.flavour or default_flavour(section.dialect, origin.host)
    return Provider(
        id=section.id,
        dialect=section.dialect,
        flavour=flavour,
        origin=origin,
        base_path=base_path,
        apis=default_apis(section.dialect, flavour) if section.apis is None else frozenset(section.apis),
        local=section.local,
        api_version=section.api_version,
        egress_proxy=proxy,
        egress_proxy_auth=auth,
        egress_proxy_reference=reference,
        ca_file=ca_file,
        echo_model=file.echo_model if section.echo_model is None else section.echo_model,
    )


def _base_url(section: ProviderSection, path: Path, findings: Findings) -> tuple[Origin, str] | None:
    path = (*path, "base_url")
    try:
        origin, base_path = endpoint.parse(section.base_url)
        endpoint.check_shape(
            section.dialect, section.flavour or default_flavour(section.dialect, origin.host), base_path
        )
    except endpoint.EndpointError as error:
        findings.add(path, str(error))
        return None
    clear_ok = section.local or section.insecure_http or endpoint.is_loopback(origin.host)
    if not origin.tls and not clear_ok:
        findings.add(path, "http:// sends the secret in clear; use https://, or say insecure_http: true")
        return None
    return origin, base_path


def _proxy(section: ProviderSection, path: Path, findings: Findings) -> Origin | None:
    if section.egress_proxy is None:
        return None
    path = (*path, "egress_proxy")
    try:
        origin, base_path = endpoint.parse(section.egress_proxy)
    except endpoint.EndpointError as error:
        hint = "; use egress_proxy_auth" if "password" in str(error) else ""
        findings.add(path, f"{error}{hint}")
        return None
    if base_path:
        findings.add(path, "must be scheme, host and port only")
    return origin


def _proxy_auth(
    section: ProviderSection, has_vault: bool, environ: Mapping[str, str], path: Path, findings: Findings
) -> tuple[Secret | None, Reference | None]:
    path = (*path, "egress_proxy_auth")
    auth, reference = find_kept(section.egress_proxy_auth, has_vault, environ, path, findings)
    if section.egress_proxy_auth is not None and section.egress_proxy is None:
        findings.add(path, "needs egress_proxy")
    if auth is not None and ":" not in auth.reveal():
        findings.add(path, "must be user:password")
    return auth, reference


def _tenants(
    pool: PoolSection, known: Mapping[str, None], path: Path, findings: Findings
) -> frozenset[str] | None:
    """The tenants of a pool; None is all of them."""
    if pool.tenants == ("*",):
        return None
    for index, tenant in enumerate(pool.tenants):
        if tenant == "*":
            findings.add((*path, "tenants", index), "`*` is every tenant and stands alone")
        elif tenant not in known:
            findings.add((*path, "tenants", index), f"no such tenant{suggestion(tenant, list(known))}")
    return frozenset(pool.tenants)


def _pool(
    pool: PoolSection,
    provider: Provider | None,
    tenants: frozenset[str] | None,
    kept: tuple[Secret | None, Reference | None],
    path: Path,
    findings: Findings,
) -> ProviderKey | None:
    secret, reference = kept
    if pool.secret is not None:
        pass
    elif provider is not None and provider.flavour == "sim":
        # The scripted provider takes any credential but wants one, and knows its account by it.
        secret = Secret(pool.id)
    elif provider is not None and not provider.local and provider.dialect != "ollama":
        findings.add((*path, "secret"), "is required for a provider that is not local")
    if provider is None:
        return None
    return ProviderKey(
        id=pool.id,
        provider=provider,
        secret=secret,
        tenants=tenants,
        limits=limits_of(pool.limits),
        burst_s=pool.windows.burst_s,
        models=pool.models,
        model_limits=tuple((pattern, limits_of(limits)) for pattern, limits in pool.model_limits.items()),
        reference=reference,
        weight=pool.weight,
    )
