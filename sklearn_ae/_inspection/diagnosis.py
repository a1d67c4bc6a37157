"""What commonly goes wrong in training, each with evidence and advice."""

import html
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sklearn_ae._fitting.record import Record
from sklearn_ae._fitting.warn import STILL_FALLING, still_falling

# How far the validation loss has risen again, as a share of its whole fall.
_TURNED = 0.1
# Gradient of a layer as a share of the largest layer's; that of an epoch as a multiple of the
# largest before.
_VANISHING = 1e-5
_EXPLODING = 100.0
_SMALL_GRADIENT = 1e-4  # rises from below mean nothing
# Share of the units of a layer, or of the entries of the code.
_MANY = 0.1
# Errors that differ by a smaller share are the same.
_SAME = 1e-3
# Below this share of the variance there is nothing to gain.
_NOTHING_LEFT = 1e-6


@dataclass(frozen=True)
class Finding:
    """A symptom, with its evidence and what to do."""

    symptom: str
    evidence: str
    advice: str


@dataclass(frozen=True)
class Diagnosis:
    """The report of ``diagnose``: prints as text, shows as HTML in a notebook.

    Attributes
    ----------
    estimator : str
        Name of the estimator's class.
    figures : dict of str to str
        What was looked at.
    findings : tuple of Finding
        The symptoms, with evidence and advice.
    """

    estimator: str
    figures: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def symptoms(self) -> tuple[str, ...]:
        """Give the names of the symptoms: none for a healthy training."""
        return tuple(finding.symptom for finding in self.findings)

    def __repr__(self) -> str:
        width = max(map(len, self.figures))
        lines = [self._title(), ""]
        lines += [f"  {name:<{width}}  {value}" for name, value in self.figures.items()]
        for finding in self.findings:
            lines += ["", finding.symptom]
            lines += [
                textwrap.fill(text, 88, initial_indent="  ", subsequent_indent="  ")
                for text in (finding.evidence, "Advice: " + finding.advice)
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "style='text-align: left; vertical-align: top'"
        figures = "".join(
            f"<tr><th {cell}>{html.escape(name)}</th><td {cell}>{html.escape(value)}</td></tr>"
            for name, value in self.figures.items()
        )
        findings = "".join(
            f"<dt><b>{html.escape(finding.symptom)}</b></dt><dd>{html.escape(finding.evidence)}"
            f"<br><i>Advice:</i> {html.escape(finding.advice)}</dd>"
            for finding in self.findings
        )
        title = html.escape(self._title())
        return f"<div><p><b>{title}</b></p><table>{figures}</table><dl>{findings}</dl></div>"

    def _title(self) -> str:
        n = len(self.findings)
        return f"Diagnosis of {self.estimator}: " + (
            "no symptoms" if n == 0 else "1 symptom" if n == 1 else f"{n} symptoms"
        )


def diagnose(name: str, record: Record) -> Diagnosis:
    """Tell what went wrong in the training of an estimator of this name, from its record."""
    figures: dict[str, str] = {}
    findings = [finding for examine in _EXAMINATIONS for finding in examine(record, figures)]
    return Diagnosis(name, figures, tuple(findings))


def is_under_fitted(curve: list[float], start: float, ended_early: bool, diverged: bool) -> bool:
    """Tell whether the loss was still falling when training reached its last epoch."""
    return not (ended_early or diverged) and still_falling(curve, start) > STILL_FALLING


# --- the examinations: each notes figures, and gives findings --------------------------------


def _examine_fit(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    start, best = record.initial_loss, record.best_loss
    train, validation = record.curve, record.validation_curve
    name = "validation loss" if validation else "training loss"
    figures["epochs"] = f"{len(train)}" + (" (stopped early)" * record.ended_early)
    figures[name] = f"from {start:.4g} to {best:.4g}"
    if record.is_pca:
        figures["result"] = f"the principal components (training did not lower the {name})"
    curve = validation or train
    if is_under_fitted(curve, start, record.ended_early, record.diverged):
        yield Finding(
            "under-fitting",
            f"The {name} was still falling when training reached its {len(train)} epochs: "
            f"{still_falling(curve, start):.0%} of its fall came in their second half.",
            "Raise max_iter, or the learning rate; go on from here with warm_start=True. If the "
            "loss is high at the end of a long training as well, make the network wider or deeper "
            "or n_components larger.",
        )
    if validation and not record.diverged and not record.is_pca:
        # Of the epochs at the end, the mean: single ones are noisy.
        last = float(np.mean(validation[-max(1, len(validation) // 10) :]))
        fall = start - best
        at_best = int(np.argmin(validation))
        turned = last - best > max(_NOTHING_LEFT, _TURNED * (fall if fall > 0 else abs(start)))
        if turned and train[-1] < train[at_best]:
            yield Finding(
                "over-fitting",
                f"The validation loss turned after epoch {at_best + 1}, from {best:.4g} up to "
                f"{last:.4g}, while the training loss went on falling, from {train[at_best]:.4g} "
                f"to {train[-1]:.4g}. The best weights were kept.",
                "More rows help most. Otherwise make the network smaller (hidden_layer_sizes), or "
                "hold it back: corruption, dropout, weight_decay, a smaller n_components.",
            )


def _examine_gradients(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    if record.gradients:
        names = list(record.gradients)
        norms = np.array(list(record.gradients.values()))
        typical = np.median(np.where(np.isfinite(norms), norms, np.inf), axis=1)
        low, high = int(typical.argmin()), int(typical.argmax())
        figures["gradients"] = f"{typical[low]:.1g} to {typical[high]:.1g} (rms of a layer)"
        if np.isfinite(typical[high]) and typical[low] < _VANISHING * typical[high]:
            yield Finding(
                "vanishing gradients",
                f"The gradient of {names[low]} is {typical[low]:.1g}, that of {names[high]} "
                f"{typical[high]:.1g}: the first hardly learns.",
                "Use activation='gelu' or 'relu' rather than 'logistic' or 'tanh', fewer layers, "
                "or the linear path; scale the columns alike.",
            )
        # Beside the largest before: gradients fall, but should not rise by much.
        sizes = np.sqrt((norms**2).sum(axis=0))
        largest = np.maximum.accumulate(sizes)[:-1]
        times = float(np.max(sizes[1:] / np.maximum(largest, _SMALL_GRADIENT), initial=0.0))
    else:
        times = 0.0
    if record.diverged or times > _EXPLODING:
        yield Finding(
            "exploding gradients",
            (
                "The loss stopped being finite; the best weights before were kept."
                if record.diverged
                else f"The gradient of one epoch is {times:.0f} times that of any epoch before."
            ),
            "Lower learning_rate, set max_grad_norm=1, and scale columns of very different size, "
            "for example with StandardScaler.",
        )


def _examine_units(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    idle = record.idle_units
    if not idle:
        return
    worst = max(idle, key=idle.__getitem__)
    figures["dead units"] = f"at most {idle[worst]:.0%} of a layer"
    if idle[worst] > _MANY:
        layers = ", ".join(f"{name} {share:.0%}" for name, share in idle.items() if share > _MANY)
        yield Finding(
            "dead units",
            f"These units give the same for every row: {layers}.",
            "Lower learning_rate; use activation='gelu' or 'leaky_relu', which have a slope "
            "everywhere; scale the columns alike. Where the error is low enough, a narrower layer "
            "will do.",
        )


def _examine_code(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    n, n_unused = record.n_components, record.n_unused
    if record.divergence is not None:
        figures["divergence"] = (
            f"{record.divergence:.3g} nats; {n - n_unused} of {n} entries of the code in use"
        )
        if n_unused > _MANY * n:
            yield Finding(
                "posterior collapse",
                f"{n_unused} of {n} entries of the code equal the prior: they say nothing about "
                "the row.",
                "If the reconstruction is good enough, lower n_components. Otherwise lower beta, "
                "or give the code time and room: Variational(warm_up=..., free_bits=...).",
            )
        return
    figures["code"] = f"{n - n_unused} of {n} entries in use"
    if n_unused > _MANY * n:
        yield Finding(
            "unused code dimensions",
            f"{n_unused} of {n} entries of the code hardly vary from row to row.",
            f"n_components={max(1, n - n_unused)} would do as well. In a sparse code, lower the "
            "weight of the penalty or raise k.",
        )


def _examine_error(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    error, pca_error = record.error, record.pca_error
    figures["squared error"] = f"{error:.4g} of the variance; {pca_error:.4g} by PCA"
    if record.is_comparable and error > max(_NOTHING_LEFT, (1 - _SAME) * pca_error):
        yield Finding(
            "no better than PCA",
            f"The squared error is {error:.4g} of the variance, that of PCA with as many "
            f"components {pca_error:.4g}.",
            "Where the rows lie near a plane, PCA is enough. Otherwise train longer, make the "
            "network wider, or ask less of the code (beta, weight)."
            + (
                ""
                if record.has_linear_path
                else " Where loss and latent allow a linear path, training starts at PCA."
            ),
        )


def _examine_range(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    low, high = record.output_range
    lowest, highest = record.input_range
    if not np.isfinite(low):
        return
    figures["inputs"] = f"from {lowest:.4g} to {highest:.4g}"
    if lowest < low or highest > high:
        yield Finding(
            "inputs out of range",
            f"The rows have values from {lowest:.4g} to "
            f"{highest:.4g}, but the output's activation gives values between "
            f"{low:g} and {high:g} alone.",
            f"Scale the columns, for example with MinMaxScaler(({low:g}, {high:g})), or use "
            "output_activation='clip'.",
        )


_EXAMINATIONS: tuple[Callable[..., Iterator[Finding]], ...] = (
    _examine_fit,
    _examine_gradients,
    _examine_units,
    _examine_code,
    _examine_error,
    _examine_range,
)
