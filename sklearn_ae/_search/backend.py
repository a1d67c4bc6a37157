"""A joblib backend that is given all tasks at once."""

from collections.abc import Callable, Sequence
from typing import Any

from joblib.parallel import ParallelBackendBase

# Function, positional and keyword arguments.
Task = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class AllAtOnce(ParallelBackendBase):
    """Collects the tasks of a call of :class:`joblib.Parallel`, and runs them together.

    Parameters
    ----------
    run : callable
        Maps all tasks to their results.
    """

    supports_retrieve_callback = False

    def __init__(self, run: Callable[[Sequence[Task]], Sequence[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._run = run

    def effective_n_jobs(self, n_jobs: int) -> int:
        """Give a number of workers for which joblib puts no two tasks together."""
        return 2**30

    def start_call(self) -> None:
        """Begin a call of Parallel."""
        self._tasks: list[Task] = []
        self._callbacks: list[Callable[[Any], None]] = []
        self._results: Sequence[Any] | None = None

    def submit(self, func: Any, callback: Any = None) -> "_Job":
        """Collect tasks: joblib's batches of one."""
        self._tasks.extend(func.items)
        self._callbacks.append(callback)
        return _Job(self, len(self._tasks) - 1)

    apply_async = submit  # its name in joblib < 1.5

    def result(self, place: int) -> Any:
        """Give the result of a task; the first call runs all tasks."""
        if self._results is None:
            self._results = self._run(self._tasks)
            for callback in self._callbacks:  # joblib counts them
                callback(None)
        return [self._results[place]]


class _Job:
    def __init__(self, backend: AllAtOnce, place: int) -> None:
        self._backend, self._place = backend, place

    def get(self, timeout: float | None = None) -> Any:
        return self._backend.result(self._place)
