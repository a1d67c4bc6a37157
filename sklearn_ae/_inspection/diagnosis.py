"""What commonly goes wrong in training, each with evidence and advice."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import numpy as np

from sklearn_ae._fitting.record import Record
from sklearn_ae._fitting.warn import STILL_FALLING, still_falling

_TURNED = 0.1  # rise of the validation loss from its minimum, as a share of its whole fall
_VANISHING = 1e-5  # gradient of a layer, as a share of the largest layer's
_EXPLODING = 100.0  # gradient of an epoch, as a multiple of the largest before
_SMALL_GRADIENT = 1e-4  # rises from below mean nothing
_MANY = 0.1  # share of the units of a layer, or of the entries of the code
_SAME = 1e-3  # errors that differ by a smaller share are the same
_NOTHING_LEFT = 1e-6  # below this share of the variance there is nothing to gain


@dataclass(frozen=True)
class Finding:
    """A symptom, with its evidence and what to do."""

    symptom: str
    evidence: str
    advice: str


@dataclass(frozen=True)
class Diagnosis:
    """The report of ``diagnose``: prints as text, shows as HTML in a notebook."""

    estimator: str  # name of its class
    figures: dict[str, str]  # what was looked at
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
            for text in (finding.evidence, f"Advice: {finding.advice}"):
                lines += [textwrap.indent(textwrap.fill(text, 86), "  ")]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cell = "style='text-align: left; vertical-align: top'"
        figures = "".join(
            f"<tr><th {cell}>{escape(name)}</th><td {cell}>{escape(value)}</td></tr>"
            for name, value in self.figures.items()
        )
        findings = "".join(
            f"<dt><b>{escape(finding.symptom)}</b></dt><dd>{escape(finding.evidence)}"
            f"<br><i>Advice:</i> {escape(finding.advice)}</dd>"
            for finding in self.findings
        )
        title = escape(self._title())
        return f"<div><p><b>{title}</b></p><table>{figures}</table><dl>{findings}</dl></div>"

    def _title(self) -> str:
        n = len(self.findings)
        return f"Diagnosis of {self.estimator}: {n or 'no'} symptom{'' if n == 1 else 's'}"


def diagnose(name: str, record: Record) -> Diagnosis:
    """Tell what went wrong in the training of an estimator of this name, from its record."""
    figures: dict[str, str] = {}  # each examination adds its own
    findings = (
        *_examine_fit(record, figures),
        *_examine_gradients(record, figures),
        *_examine_units(record, figures),
        *_examine_code(record, figures),
        *_examine_error(record, figures),
        *_examine_range(record, figures),
    )
    return Diagnosis(name, figures, findings)


def _examine_fit(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    start, best = record.initial_loss, record.best_loss
    train, validation = record.curve, record.validation_curve
    name = "validation loss" if validation else "training loss"
    figures["epochs"] = f"{len(train)}" + " (stopped early)" * record.ended_early
    figures[name] = f"from {start:.4g} to {best:.4g}"
    if record.is_pca:
        figures["result"] = f"the principal components (training did not lower the {name})"
    share = still_falling(validation or train, start)
    is_measured = not (record.ended_early or record.diverged or record.joined)
    if share > STILL_FALLING and is_measured:
        yield Finding(
            "under-fitting",
            f"The {name} was still falling when training reached its {len(train)} epochs: "
            f"{share:.0%} of its fall came in their second half.",
            "Raise max_iter, or the learning rate; go on from here with warm_start=True. If the "
            "loss is high at the end of a long training as well, make the network wider or deeper "
            "or n_components larger.",
        )
    if validation and not (record.diverged or record.is_pca or record.joined):
        # Of the epochs at the end, the mean: single ones are noisy.
        last = float(np.mean(validation[-max(1, len(validation) // 10) :]))
        fall = start - best if start > best else abs(start)
        at_best = int(np.argmin(validation))
        turned = last - best > max(_NOTHING_LEFT, _TURNED * fall)
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
    rise = 0.0
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
        rise = np.max(sizes[1:] / np.maximum(largest, _SMALL_GRADIENT), initial=0.0)
    if record.diverged or rise > _EXPLODING:
        evidence = f"The gradient of one epoch is {rise:.0f} times that of any epoch before."
        if record.diverged:
            evidence = "The loss stopped being finite; the best weights before were kept."
        yield Finding(
            "exploding gradients",
            evidence,
            "Lower learning_rate, set max_grad_norm=1, and scale columns of very different size, "
            "for example with StandardScaler.",
        )


def _examine_units(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    idle = record.idle_units
    if idle:
        figures["dead units"] = f"at most {max(idle.values()):.0%} of a layer"
    layers = [f"{name} {share:.0%}" for name, share in idle.items() if share > _MANY]
    if layers:
        yield Finding(
            "dead units",
            f"These units give the same for every row: {', '.join(layers)}.",
            "Lower learning_rate; use activation='gelu' or 'leaky_relu', which have a slope "
            "everywhere; scale the columns alike. Where the error is low enough, a narrower layer "
            "will do.",
        )


def _examine_code(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    n, n_unused = record.n_components, record.n_unused
    if record.divergence is None:
        figures["code"] = f"{n - n_unused} of {n} entries in use"
        finding = Finding(
            "unused code dimensions",
            f"{n_unused} of {n} entries of the code hardly vary from row to row.",
            f"n_components={max(1, n - n_unused)} would do as well. In a sparse code, lower the "
            "weight of the penalty or raise k.",
        )
    else:
        figures["divergence"] = (
            f"{record.divergence:.3g} nats; {n - n_unused} of {n} entries of the code in use"
        )
        finding = Finding(
            "posterior collapse",
            f"{n_unused} of {n} entries of the code equal the prior: they say nothing about the "
            "row.",
            "If the reconstruction is good enough, lower n_components. Otherwise lower beta, or "
            "give the code time and room: Variational(warm_up=..., free_bits=...).",
        )
    if n_unused > _MANY * n:
        yield finding


def _examine_error(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    error, pca_error = record.error, record.pca_error
    when = " when last measured" if record.joined and not record.is_pca else ""
    figures["squared error"] = f"{error:.4g} of the variance{when}; {pca_error:.4g} by PCA"
    if record.is_comparable and error > max(_NOTHING_LEFT, (1 - _SAME) * pca_error):
        advice = (
            "Where the rows lie near a plane, PCA is enough. Otherwise train longer, make the "
            "network wider, or ask less of the code (beta, weight)."
        )
        if not record.has_linear_path:
            advice += " Where loss and latent allow a linear path, training starts at PCA."
        yield Finding(
            "no better than PCA",
            f"The squared error is {error:.4g} of the variance, that of PCA with as many "
            f"components {pca_error:.4g}.",
            advice,
        )


def _examine_range(record: Record, figures: dict[str, str]) -> Iterator[Finding]:
    low, high = record.output_range
    if not np.isfinite(low):
        return
    lowest, highest = record.input_range
    figures["inputs"] = f"from {lowest:.4g} to {highest:.4g}"
    if lowest < low or highest > high:
        yield Finding(
            "inputs out of range",
            f"The rows have values from {lowest:.4g} to {highest:.4g}, but the output's "
            f"activation gives values between {low:g} and {high:g} alone.",
            f"Scale the columns, for example with MinMaxScaler(({low:g}, {high:g})), or use "
            "output_activation='clip'.",
        )
