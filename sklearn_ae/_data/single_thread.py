"""Linear algebra whose bits do not depend on the number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import RLock

from threadpoolctl import ThreadpoolController

_LOCK = RLock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have BLAS and LAPACK compute on one thread.

    Their results depend on the number of threads, which is another one in joblib's workers.
    """
    # One at a time: the other would put back the one thread that it found.
    with _LOCK, _blas().limit(limits=1, user_api="blas"):
        yield


@lru_cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks through the libraries of the process: once
