"""Loss by epoch."""

from typing import Any

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from sklearn_ae.plotting._shared import (
    BLUE,
    VERMILION,
    draw_title,
    foreground,
    get_axes,
    get_last_step,
)

_WIDE = 20.0  # ratio of largest and smallest loss from which on the axis is logarithmic


class LossCurveDisplay:
    """Training and validation loss by epoch.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create it.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss of each epoch.
    validation_curve : array-like of shape (n_validated,) or None, default=None
        Loss of the validation rows after each epoch. It may be shorter than `loss_curve`.
    initial_loss : float or None, default=None
        Validation loss before training.
    kept_epoch : int or None, default=None
        Epoch whose weights were kept; 0: the weights before training.
    name : str or None, default=None
        Title of the plot.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    train_line_ : matplotlib Line2D
        The training loss.
    validation_line_ : matplotlib Line2D or None
        The validation loss, if there is one.
    initial_line_ : matplotlib Line2D or None
        Horizontal line at the loss before training, if it is known.
    kept_line_ : matplotlib Line2D or None
        Vertical line at the epoch that was kept, if it is known.

    See Also
    --------
    sklearn_ae.AutoencoderTransformer.diagnose : Tells what went wrong in the training.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.plotting import LossCurveDisplay
    >>> X = load_digits().data
    >>> autoencoder = AutoencoderTransformer(8, max_iter=5, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(autoencoder)
    >>> len(display.train_line_.get_ydata())
    5
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        *,
        loss_curve: Any,
        validation_curve: Any = None,
        initial_loss: float | None = None,
        kept_epoch: int | None = None,
        name: str | None = None,
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_curve = validation_curve
        self.initial_loss = initial_loss
        self.kept_epoch = kept_epoch
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> "LossCurveDisplay":
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            An estimator of this package or any other with ``loss_curve_``, such as MLPRegressor. Of
            a Pipeline the last step.
        name : str or None, default=None
            Title of the plot. None: the class of the estimator.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no ``loss_curve_``.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        last = get_last_step(estimator, "loss_curve_", cls.__name__)
        validation = getattr(last, "validation_curve_", None)
        display = cls(
            loss_curve=last.loss_curve_,
            validation_curve=validation,
            # Otherwise it may be the loss of other rows than those of the curve.
            initial_loss=last.initial_loss_ if validation else None,
            kept_epoch=_find_kept_epoch(last),
            name=type(last).__name__ if name is None else name,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_predictions(
        cls,
        loss_curve: Any,
        validation_curve: Any = None,
        *,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> "LossCurveDisplay":
        """Draw given losses.

        Parameters
        ----------
        loss_curve : array-like of shape (n_epochs,)
            Training loss of each epoch.
        validation_curve : array-like of shape (n_validated,) or None, default=None
            Loss of the validation rows after each epoch.
        name : str or None, default=None
            Title of the plot.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        display = cls(loss_curve=loss_curve, validation_curve=validation_curve, name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, *, ax: Any = None, **kwargs: Any) -> "LossCurveDisplay":
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None: a new figure.
        **kwargs : dict
            Arguments of matplotlib's ``plot`` for both curves.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        ax = get_axes(ax, (6.4, 4.0))
        self.ax_, self.figure_ = ax, ax.figure
        train = np.asarray(self.loss_curve, np.float64)
        settings = {"linewidth": 1.8} | ({"marker": "o"} if len(train) == 1 else {})
        self.train_line_ = self._draw_curve(train, settings, kwargs, label="training", color=BLUE)
        self.validation_line_ = self.initial_line_ = self.kept_line_ = None
        losses = train
        if self.validation_curve is not None and len(self.validation_curve) > 0:
            validation = np.asarray(self.validation_curve, np.float64)
            losses = np.concatenate([train, validation])
            self.validation_line_ = self._draw_curve(
                validation,
                settings | {"linestyle": "--"},
                kwargs,
                label="validation",
                color=VERMILION,
            )
        thin = {"color": foreground(), "linewidth": 1.0, "alpha": 0.7, "zorder": 1}
        if self.initial_loss is not None:
            self.initial_line_ = ax.axhline(
                self.initial_loss, linestyle=":", label="validation before training", **thin
            )
        if self.kept_epoch is not None:
            what = f"kept: epoch {self.kept_epoch}" if self.kept_epoch else "kept: before training"
            self.kept_line_ = ax.axvline(self.kept_epoch, linestyle="-.", label=what, **thin)
        finite = losses[np.isfinite(losses)]
        if len(finite) > 0 and finite.min() > 0 and finite.max() > _WIDE * finite.min():
            ax.set_yscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set(xlabel="epoch", ylabel="loss")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(edgecolor="none", framealpha=0.9)
        draw_title(ax, self.name)
        return self

    def _draw_curve(
        self, losses: np.ndarray, settings: dict[str, Any], kwargs: dict[str, Any], **own: Any
    ) -> Any:
        return self.ax_.plot(np.arange(1, len(losses) + 1), losses, **(own | settings | kwargs))[0]


def _find_kept_epoch(estimator: Any) -> int | None:
    """Give the epoch whose weights are kept, 0 for those before training, None if unknown."""
    best = getattr(estimator, "best_loss_", None)
    if best is None or not hasattr(estimator, "initial_loss_"):
        return None
    train = estimator.loss_curve_
    validation = estimator.validation_curve_ or []
    if 0 < len(validation) < len(train):
        # The validation rows joined the training: from then on the training loss decides.
        joined = len(validation) - 1
        return joined + int(np.argmin(train[joined:])) + 1
    judged = validation or train
    if best == estimator.initial_loss_:
        # Validation rows tell that no epoch was better, but not where a warm start began.
        return 0 if validation and not estimator.warm_start else None
    return judged.index(best) + 1 if best in judged else None
