"""Whether the models are there, for tests that need them: 196 MB, which `scripts/test` alone does not fetch."""

import pytest

from local_models.weights import NotInstalledError, require_installed


def _missing() -> str:
    try:
        require_installed()
    except NotInstalledError as error:
        return str(error)
    return ""


needs_models = pytest.mark.skipif(_missing() != "", reason=f"{_missing()}, as .ci/run does")
