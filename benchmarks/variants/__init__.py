"""Show for each kind of autoencoder that it does what it is for.

Each row of this benchmark fits one kind on images (MNIST, or the digits of scikit-learn for
a quick look) and judges it on test images. What it has to show are its aims: inequalities,
each met or missed.
"""

import argparse
import warnings
from collections.abc import Callable

from sklearn.exceptions import ConvergenceWarning

from benchmarks import machine, report
from benchmarks.data import load
from benchmarks.options import add_choice, add_images, add_output, check_positive
from benchmarks.variants import architectures, denoising, deterministic, generative
from benchmarks.variants.study import Study

ROWS: dict[str, Callable[[Study], report.Result]] = {
    "undercomplete": deterministic.undercomplete,
    "sparse": deterministic.sparse,
    "k-sparse": deterministic.k_sparse,
    "denoising": denoising.denoising,
    "noisy-code": denoising.noisy_code,
    "contractive": deterministic.contractive,
    "variational": generative.variational,
    "importance-weighted": generative.importance_weighted,
    "wasserstein": generative.wasserstein,
    "adversarial": generative.adversarial,
    "tied": deterministic.tied,
    "convolutional": architectures.convolutional,
    "recurrent": architectures.recurrent,
    "recurrent-outliers": architectures.recurrent_outliers,
    "own": architectures.own,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    add_choice(parser, "--only", ROWS)
    parser.add_argument("--seed", type=int, default=0)
    add_images(parser)
    add_output(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the rows one after the other; print a table of each, save JSON and pictures."""
    check_positive(options, "max_iter")
    data = load(options.dataset, options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    study = Study(options.dataset, data, options.output, options.seed, options.max_iter)
    n_train, n_test = len(data.X_train), len(data.X_test)
    console = report.make_console()
    shape = f"{n_train:,} + {n_test:,} images, {data.X_train.shape[1]} pixels"
    console.print(f"{options.dataset}: {shape}")
    file = options.output / f"variants-{options.dataset}.json"
    header = {
        "command": f"python -m benchmarks variants --dataset {options.dataset}",
        "machine": machine.describe(),
        "seed": options.seed,
        "max_iter": options.max_iter,
        "n_train": n_train,
        "n_test": n_test,
    }
    for name in options.only:
        with warnings.catch_warnings():
            # The epochs are what a benchmark has time for; the errors tell.
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = ROWS[name](study)
        console.print(report.show(f"{name}: {ROWS[name].__doc__}", result))
        # After each row: what follows may take long, or be interrupted.
        report.merge(file, header, "rows", {name: result.to_json()})
    console.print(f"\nSaved in {options.output}: {file.stem}*")
