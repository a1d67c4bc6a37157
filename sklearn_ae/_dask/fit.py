"""Train on the workers of a Dask cluster, which keep their partitions."""

import time
import uuid
import warnings
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

from sklearn_ae._dask.worker import Place, fit_as_rank, forget, free_port, n_epochs_done, process

# The scheduler may notice later than the other workers that one is gone.
_SECONDS_TO_NOTICE, _SECONDS_BETWEEN_LOOKS = 10.0, 0.1


def fit_on_workers(model: Any, X: Any, sample_weight: Any) -> Any:
    """Fit a model to a dask array or dataframe.

    If a worker is lost, Dask makes its partitions again on those that are left, and training goes
    on there after the last epoch.

    Parameters
    ----------
    model : estimator
        Trains on arrays and dataframes in memory; each worker gets a copy.
    X : dask Array or DataFrame
        The rows.
    sample_weight : dask Array, dask Series or None
        Their weights, in the same partitions.

    Returns
    -------
    model : estimator
        The fitted copy.
    """
    from distributed import MultiLock, get_client

    client = get_client()
    parts = client.compute(_partitions(X))
    weights = None if sample_weight is None else client.compute(_partitions(sample_weight))
    if weights is not None and len(weights) != len(parts):
        raise ValueError(
            f"sample_weight has {len(weights)} partitions, X has {len(parts)}: rechunk one of them."
        )
    fit = uuid.uuid4().hex
    try:
        while True:
            workers = _workers_by_part(client, parts)
            with MultiLock(sorted(workers), client=client):
                results, error = _attempt(client, model, parts, weights, workers, fit)
            if error is None:
                break
            # Invalid data and parameters are no reason to wait for one.
            patience = 0.0 if isinstance(error, (TypeError, ValueError)) else _SECONDS_TO_NOTICE
            lost = _lost(client, workers, patience)
            if not lost or not client.nthreads():
                raise error
            n_epochs = max(client.run(n_epochs_done, fit).values())
            warnings.warn(
                f"Dask lost {', '.join(sorted(lost))}: training goes on after {n_epochs} epochs "
                "on the workers that are left."
            )
    finally:
        client.run(forget, fit)
    for message, category in results[0][1]:
        warnings.warn(message, category)
    return results[0][0]


def _partitions(collection: Any) -> list[Any]:
    """Give the partitions of the rows, in their order."""
    if getattr(collection, "ndim", 2) == 2 and hasattr(collection, "rechunk"):
        collection = collection.rechunk({1: -1})
    delayed = collection.to_delayed()
    return list(getattr(delayed, "flat", delayed))


def _workers_by_part(client: Any, parts: list[Any]) -> dict[str, list[int]]:
    """Give the numbers of the partitions that each worker keeps."""
    from distributed import wait

    while True:
        wait(parts)
        for part in parts:
            if part.status in ("error", "cancelled", "lost"):
                part.result()  # raises an error
        where = client.who_has(parts)
        processes = client.run(process)
        # A process is one rank, though several workers may be its threads.
        first = {name: address for address, name in sorted(processes.items(), reverse=True)}
        workers: dict[str, list[int]] = defaultdict(list)
        for number, part in enumerate(parts):
            holders = [each for each in where.get(part.key, ()) if each in processes]
            if holders:
                workers[first[processes[min(holders)]]].append(number)
        if sum(map(len, workers.values())) == len(parts):
            return workers
        time.sleep(_SECONDS_BETWEEN_LOOKS)  # a worker was lost, and its partitions are made again


def _attempt(
    client: Any,
    model: Any,
    parts: list[Any],
    weights: list[Any] | None,
    workers: dict[str, list[int]],
    fit: str,
) -> tuple[list[Any], Exception | None]:
    """Have all workers fit together. Give their results, or the error of one of them."""
    from distributed import wait

    addresses = sorted(workers)
    host = str(urlsplit(addresses[0]).hostname)
    try:
        port = client.run(free_port, workers=addresses[:1])[addresses[0]]
    except Exception as error:
        return [], error
    futures = [
        client.submit(
            fit_as_rank,
            model,
            [parts[number] for number in workers[address]],
            None if weights is None else [weights[number] for number in workers[address]],
            workers[address],
            Place(rank, len(addresses), host, port, fit),
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        for rank, address in enumerate(addresses)
    ]
    pending = futures
    while pending:
        # One that is lost never ends: Dask waits for its worker to come back.
        pending = list(wait(pending, return_when="FIRST_COMPLETED").not_done)
        failed = [future for future in futures if future.status in ("error", "cancelled", "lost")]
        if failed:
            cause = failed[0].exception() if failed[0].status == "error" else None
            client.cancel(futures, force=True)
            return [], cause or RuntimeError("Dask cancelled the fit.")
    return client.gather(futures), None


def _lost(client: Any, workers: dict[str, list[int]], patience: float) -> set[str]:
    """Give the workers that are gone, waiting so many seconds for one."""
    start = time.monotonic()
    while True:
        lost = set(workers) - set(client.nthreads())
        if lost or time.monotonic() - start > patience:
            return lost
        time.sleep(_SECONDS_BETWEEN_LOOKS)
