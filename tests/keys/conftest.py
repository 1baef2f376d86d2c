"""One OpenBao for all that leave it as it was, and one of its own for who does not."""

from collections.abc import Iterator

import pytest

from tests.keys.openbao import OpenBao


@pytest.fixture(scope="session")
def shared_bao() -> Iterator[OpenBao]:
    with OpenBao() as bao:
        yield bao


@pytest.fixture
def own_bao() -> Iterator[OpenBao]:
    with OpenBao() as bao:
        yield bao


@pytest.fixture
def bao(shared_bao: OpenBao) -> OpenBao:
    shared_bao.put("llm/openai", key="sk-one")
    return shared_bao
