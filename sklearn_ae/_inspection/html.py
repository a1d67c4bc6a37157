"""What a notebook shows of a fitted estimator below scikit-learn's diagram."""

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import numpy as np
from torch import nn

# Of the picture: both curves have colours with enough contrast on white and on black.
_WIDTH, _HEIGHT = 340, 140
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 334, 24, 118
_TRAINING, _VALIDATION = "#0072b2", "#d55e00"
_MAX_POINTS = 200  # of a curve


@cache
def documentation_url() -> str | None:
    """Give the address of the site, if the package's metadata name one."""
    try:
        urls = metadata("sklearn-ae").get_all("Project-URL") or []
    except PackageNotFoundError:  # a checkout that is not installed
        return None
    named = dict(url.split(", ", 1) for url in urls)
    return named["Documentation"].rstrip("/") if "Documentation" in named else None


def describe_training(estimator: Any) -> str:
    """Describe network and training of a fitted estimator in HTML; nothing if it is not fitted."""
    if not hasattr(estimator, "net_"):
        return ""
    net, module = estimator.net_, estimator.net_.module_
    n_weights = sum(each.numel() for each in module.parameters() if each.requires_grad)
    n_epochs, loss = estimator.n_iter_, estimator.loss_
    figures = {
        "Encoder": " → ".join(_layers(module.encoder)),
        "Decoder": " → ".join(_layers(module.decoder)),
        "Beside it": "" if module.linear_path is None else "a linear path that starts at PCA",
        "Weights": f"{n_weights:,}",
        "Device": f"{net.device}, {str(module.dtype).removeprefix('torch.')}",
        "Epochs": f"{n_epochs}, training loss {loss:.4g} at the end",
    }
    style = "text-align: left; vertical-align: top; padding: 0.1em 0.8em 0.1em 0"
    rows = "".join(
        f'<tr><th scope="row" style="{style}; white-space: nowrap">{name}</th>'
        f'<td style="{style}">{escape(value)}</td></tr>'
        for name, value in figures.items()
        if value
    )
    return (
        '<details class="sklearn-ae-training" open style="color: inherit; margin: 0.5em 0">'
        "<summary>Network and training</summary>"
        '<div style="display: flex; flex-wrap: wrap; gap: 1em; align-items: center">'
        f'<table style="color: inherit; border: none; max-width: 40em">{rows}</table>'
        f"{draw_losses(estimator.loss_curve_, estimator.validation_curve_)}</div></details>"
    )


def draw_losses(training: Any, validation: Any = None) -> str:
    """Draw losses by epoch as an SVG picture; nothing if none is finite."""
    named = {"training": (training, _TRAINING, ""), "validation": (validation, _VALIDATION, "5 3")}
    curves = {
        name: (np.asarray(losses, np.float64), color, dashes)
        for name, (losses, color, dashes) in named.items()
        if losses is not None and np.isfinite(losses).any()
    }
    if not curves:
        return ""
    values = np.concatenate([losses[np.isfinite(losses)] for losses, _, _ in curves.values()])
    low, high = values.min(), values.max()
    n_epochs = max(len(losses) for losses, _, _ in curves.values())
    parts = []
    for place, (name, (losses, color, dashes)) in enumerate(curves.items()):
        some = np.unique(np.linspace(0, len(losses) - 1, min(len(losses), _MAX_POINTS)).astype(int))
        some = some[np.isfinite(losses[some])]
        x = _LEFT + (_RIGHT - _LEFT) * some / max(n_epochs - 1, 1)
        y = _BOTTOM - (_BOTTOM - _TOP) * (losses[some] - low) / (high - low or 1.0)
        if len(some) == 1:  # a short line
            x, y = np.array([x[0], x[0] + 8]), y.repeat(2)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        stroke = f'fill="none" stroke="{color}" stroke-width="2" stroke-linecap="round"'
        stroke += f' stroke-dasharray="{dashes}"' if dashes else ""
        left = _LEFT + 110 * place
        parts.append(
            f'<polyline points="{points}" {stroke}/>'
            f'<path d="M{left} 10h22" {stroke}/><text x="{left + 28}" y="14">{name}</text>'
        )
    title = f"Loss by epoch: {n_epochs} epochs, between {low:.3g} and {high:.3g}"
    return (
        f'<svg role="img" aria-label="{title}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        'style="max-width: 100%; height: auto; font: 12px sans-serif" fill="currentColor">'
        f'<path d="M{_LEFT - 4} {_TOP}V{_BOTTOM + 4}H{_RIGHT}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.5"/>'
        f"{''.join(parts)}"
        f'<text x="{_LEFT - 8}" y="{_TOP + 8}" text-anchor="end">{high:.3g}</text>'
        f'<text x="{_LEFT - 8}" y="{_BOTTOM + 4}" text-anchor="end">{low:.3g}</text>'
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 18}" text-anchor="middle">'
        f"loss by epoch, 1 to {n_epochs}</text></svg>"
    )


def _layers(module: nn.Module) -> Iterator[str]:
    """Name the layers of a network in their order, without their parts."""
    weights = getattr(module, "weights", None)
    if isinstance(weights, nn.ParameterList):  # of several members
        for place, weight in enumerate(weights):
            if place > 0:
                yield type(module.activation).__name__
            yield f"{len(weight)} x Linear({weight.shape[-2]}, {weight.shape[-1]})"
        return
    children = list(module.children())
    if not children:
        name = type(module).__name__
        if any(True for _ in module.parameters()):  # not GELU(approximate='none')
            sizes = re.sub("(in|out)_features=", "", module.extra_repr())
            name += f"({re.sub(r'(, |^)[a-z_]+=.*', '', sizes)})"
        yield name
    for child in children:
        yield from _layers(child)
