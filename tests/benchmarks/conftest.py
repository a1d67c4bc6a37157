import pytest

from benchmarks import machine


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """What is so small is not faster on several threads."""
    with machine.use_threads(1):
        yield
