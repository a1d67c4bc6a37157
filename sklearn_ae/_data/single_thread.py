"""Linear algebra whose bits do not depend on the number of threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock

from threadpoolctl import ThreadpoolController

_LOCK = RLock()
_find_blas = cache(ThreadpoolController)  # it looks through all libraries of the process: once


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have BLAS and LAPACK compute on one thread.

    Their results depend on the number of threads, and joblib's workers have fewer.
    """
    # One caller at a time: a second one would find the limit of one thread and restore that.
    with _LOCK, _find_blas().limit(limits=1, user_api="blas"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Have OpenMP compute on one thread, too: the order of its sums is left to chance."""
    # Not from the cache: the library may have been loaded since.
    with _LOCK, ThreadpoolController().limit(limits=1):
        yield
