import pytest


@pytest.fixture(autouse=True)
def no_folder(monkeypatch):
    monkeypatch.delenv("SKLEARN_AE_DATA", raising=False)
