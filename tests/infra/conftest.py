"""The servers of the tests of tracking."""

import pytest

from infra.environment import QUIET
from tests.infra.servers import MlflowServer, postgres


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """An MLflow server on PostgreSQL; tests that stop it start it again."""
    with postgres() as store:
        server = MlflowServer(tmp_path_factory.mktemp("mlflow"), store=store)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(autouse=True)
def _as_in_a_stage(monkeypatch):
    """MLflow's own patience is that of a stage, not its default of minutes."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
