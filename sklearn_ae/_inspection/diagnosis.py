"""What commonly goes wrong in training, each with evidence and advice."""

import html
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_ae._fitting.record import Record
from sklearn_ae._inspection.evidence import Evidence, gather

# Share of the whole fall of the loss in the second half of a training that has reached its end.
_STILL_FALLING = 0.1
# How far the held-out loss has risen again, as a share of its whole fall.
_TURNED = 0.1
# Gradient of a layer as a share of the largest layer's; that of an epoch as a multiple of the
# largest before.
_VANISHING = 1e-5
_EXPLODING = 100.0
_SMALL_GRADIENT = 1e-4  # rises from below mean nothing
# Share of the units of a layer, or of the entries of the code.
_MANY = 0.1
# Nats, and standard deviation relative to the liveliest entry.
_COLLAPSED = 0.01
_UNUSED = 1e-3
# Errors that differ by a smaller share are the same.
_SAME = 1e-3
# Below this share of the variance there is nothing to gain.
_NOTHING_LEFT = 1e-6


@dataclass(frozen=True)
class Finding:
    """A symptom, with its evidence and what to do.

    Attributes
    ----------
    symptom : str
        Its name.
    evidence : str
        What shows it.
    advice : str
        What to do.
    """

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
        """Give the names of the symptoms.

        Returns
        -------
        symptoms : tuple of str
            Empty for a healthy training.
        """
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


class _Case(NamedTuple):
    estimator: Any
    record: Record
    evidence: Evidence


class DiagnosisMixin:
    """Mixin of the estimators: ``diagnose``."""

    net_: Any
    _record_: Record
    _residual: Any

    def diagnose(self) -> Diagnosis:
        """Tell what went wrong in the last training, if anything did.

        Looks for under-fitting, over-fitting, vanishing and exploding gradients, dead units,
        unused entries of the code, posterior collapse, a reconstruction no better than that
        of PCA and inputs out of range of the output's activation. No rows are needed: the
        estimator remembers up to 1,000 of those that it was trained on.

        Returns
        -------
        diagnosis : Diagnosis
            The report: ``symptoms`` are the names, ``findings`` have evidence and advice as
            well, ``figures`` are what was looked at. It prints as text and shows as HTML
            in a notebook.

        Raises
        ------
        NotFittedError
            If the estimator was not fitted.
        """
        check_is_fitted(self)
        figures: dict[str, str] = {}
        case = _Case(self, self._record_, gather(self.net_, self._record_, self._residual))
        findings = [finding for examine in _EXAMINATIONS for finding in examine(case, figures)]
        return Diagnosis(type(self).__name__, figures, tuple(findings))


def still_falling(curve: list[float], start: float) -> float:
    """Tell how much of its fall a loss made in the second half of the training.

    Parameters
    ----------
    curve : list of float
        The loss after each epoch.
    start : float
        The loss before the first one.

    Returns
    -------
    share : float
        In [0, 1]; 0 where the loss did not fall at all.
    """
    losses = np.array([start, *curve])
    fall = losses[0] - losses.min()
    if len(curve) < 2 or not fall > 0:
        return 0.0
    return float(np.clip((losses[len(losses) // 2] - losses[-1]) / fall, 0, 1))


def is_under_fitted(record: Record, start: float) -> bool:
    """Tell whether a training ended while the loss was still falling.

    Parameters
    ----------
    record : Record
        The record of the training.
    start : float
        The watched loss before the first epoch.

    Returns
    -------
    is_under_fitted : bool
    """
    stopped = record.ended_early or record.diverged
    return not stopped and still_falling(record.watched_curve, start) > _STILL_FALLING


# --- the examinations: each notes figures, and gives findings --------------------------------


def _examine_fit(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    start, best = case.estimator.initial_loss_, case.estimator.best_loss_
    train, held_out = case.record.curve, case.record.held_out_curve
    name = "held-out loss" if held_out else "training loss"
    figures["epochs"] = f"{len(train)}" + (" (stopped early)" * case.record.ended_early)
    figures[name] = f"from {start:.4g} to {best:.4g}"
    if is_under_fitted(case.record, start):
        share = still_falling(case.record.watched_curve, start)
        yield Finding(
            "under-fitting",
            f"The {name} was still falling when training reached its {len(train)} epochs: "
            f"{share:.0%} of its fall came in their second half.",
            "Raise max_iter, or the learning rate; go on from here with warm_start=True. If the "
            "loss is high at the end of a long training as well, make the network wider or deeper "
            "or n_components larger.",
        )
    if held_out and not case.record.diverged:
        # Of the epochs at the end, the mean: single ones are noisy.
        last = float(np.mean(held_out[-max(1, len(held_out) // 10) :]))
        fall = start - best
        at_best = int(np.argmin(held_out))
        turned = last - best > max(_NOTHING_LEFT, _TURNED * (fall if fall > 0 else abs(start)))
        if turned and train[-1] < train[at_best]:
            yield Finding(
                "over-fitting",
                f"The held-out loss turned after epoch {at_best + 1}, from {best:.4g} up to "
                f"{last:.4g}, while the training loss went on falling, from {train[at_best]:.4g} "
                f"to {train[-1]:.4g}. The best weights were kept.",
                "More rows help most. Otherwise make the network smaller (hidden_layer_sizes), or "
                "hold it back: corruption, dropout, weight_decay, a smaller n_components.",
            )


def _examine_gradients(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    if case.record.gradients:
        names = list(case.record.gradients)
        norms = np.array(list(case.record.gradients.values()))
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
    if case.record.diverged or times > _EXPLODING:
        yield Finding(
            "exploding gradients",
            (
                "The loss stopped being finite; the best weights before were kept."
                if case.record.diverged
                else f"The gradient of one epoch is {times:.0f} times that of any epoch before."
            ),
            "Lower learning_rate, set max_grad_norm=1, and scale columns of very different size, "
            "for example with StandardScaler.",
        )


def _examine_units(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    idle = case.evidence.idle
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


def _examine_code(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    latent = case.estimator.net_.module_.latent
    n = case.estimator.n_components_
    with torch.inference_mode():
        code, divergences = latent(case.evidence.hidden), latent.divergence(case.evidence.hidden)
    if divergences is not None:
        nats = divergences.mean(dim=0)
        collapsed = int((nats < _COLLAPSED).sum())
        figures["divergence"] = (
            f"{float(nats.sum()):.3g} nats; {n - collapsed} of {n} entries of the code in use"
        )
        if collapsed > _MANY * n:
            yield Finding(
                "posterior collapse",
                f"{collapsed} of {n} entries of the code differ from the prior by less than "
                f"{_COLLAPSED} nats: they say nothing about the row.",
                "If the reconstruction is good enough, a smaller n_components will do. Otherwise "
                "lower beta, or give the code time and room: Variational(warm_up=..., "
                "free_bits=...).",
            )
        return
    spread = code.std(dim=0, correction=0)
    unused = int((spread <= _UNUSED * spread.max()).sum())
    figures["code"] = f"{n - unused} of {n} entries in use"
    if unused > _MANY * n:
        yield Finding(
            "unused code dimensions",
            f"{unused} of {n} entries of the code hardly vary from row to row.",
            f"n_components={max(1, n - unused)} would do as well. In a sparse code, lower the "
            "weight of the penalty or raise k to have more entries used.",
        )


def _examine_error(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    error, pca_error = case.evidence.error, case.evidence.pca_error
    figures["squared error"] = (
        f"{error:.4g} of the variance; {pca_error:.4g} by PCA with as many components"
    )
    # A code as wide as the rows could be the row; some latents ask for more than the error.
    n_rows, n_features = case.record.rows.shape
    is_comparable = case.estimator.n_components_ < min(n_rows, n_features) and not (
        case.estimator.net_.module_.latent.trades_reconstruction
    )
    worse = error > max(_NOTHING_LEFT, (1 - _SAME) * pca_error)
    if is_comparable and worse:
        yield Finding(
            "no better than PCA",
            f"The squared error is {error:.4g} of the variance, that of PCA with as many "
            f"components {pca_error:.4g}.",
            "Where the rows lie near a plane, PCA is all one needs. Otherwise train longer, make "
            "the network wider, or ask less of the code (beta, weight)."
            + (
                ""
                if case.estimator.net_.module_.linear_path is not None
                else " Where loss and latent allow a linear path, it starts at PCA."
            ),
        )


def _examine_range(case: _Case, figures: dict[str, str]) -> Iterator[Finding]:
    low, high = case.evidence.output_range
    lowest, highest = case.evidence.input_range
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
