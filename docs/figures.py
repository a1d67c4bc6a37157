"""Draw the pictures of how_autoencoders_work.md: ``python docs/figures.py [name ...]``.

Every picture is measured with the package, on the digits of scikit-learn or on made-up rows, and
is the same each time on one machine.
"""

import sys
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib import patches
from matplotlib import pyplot as plt
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import MaskingNoise
from sklearn_ae.latents import Sparse, TopK, Variational
from sklearn_ae.latents.variational import divergence
from sklearn_ae.metrics import reconstruction_error
from sklearn_ae.nn import Stack

FOLDER = Path(__file__).parent / "images"

INK = "#222222"
RED = "#d1495b"
BLUE = "#3d6f9e"
GREEN = "#4f8a5b"
GREYS = ["#333333", "#777777", "#aaaaaa"]
PALE = "#eeeeee"


# --- 1. the objective -------------------------------------------------------------------------


def scheme():
    """Draw encoder, code, decoder and linear path, with an image and its reconstruction."""
    X, _, _, _ = digits()
    autoencoder = AutoencoderTransformer(n_components=8, random_state=0).fit(X)
    image = X[5]
    figure, axis = plt.subplots(figsize=(8.6, 3.8))
    axis.set_axis_off()
    axis.set_aspect("equal")
    bars = [  # left edge, height, colour, width of the layer
        (3.6, 3.2, GREYS[2], "64"),
        (4.8, 4.6, BLUE, "128"),
        (6.0, 3.2, BLUE, "64"),
        (8.4, 1.1, RED, "8"),
        (10.8, 3.2, GREEN, "64"),
        (12.0, 4.6, GREEN, "128"),
        (13.2, 3.2, GREYS[2], "64"),
    ]
    for (x, height, _, _), (x_next, next_height, _, _) in pairwise(bars):
        corners = [
            (x + 0.4, 3 - height / 2),
            (x + 0.4, 3 + height / 2),
            (x_next, 3 + next_height / 2),
            (x_next, 3 - next_height / 2),
        ]
        axis.add_patch(patches.Polygon(corners, color="#f4f4f4"))
    for x, height, color, width in bars:
        axis.add_patch(
            patches.FancyBboxPatch(
                (x, 3 - height / 2), 0.4, height, boxstyle="round,pad=0,rounding_size=0.1", fc=color
            )
        )
        axis.text(x + 0.2, 3 - height / 2 - 0.28, width, ha="center", va="top", fontsize=8.5)
    for patch in axis.patches:
        patch.set_edgecolor("none")
    for x, values, label in (
        (1.9, image, "row $x$"),
        (15.3, autoencoder.reconstruct(image[None])[0], r"reconstruction $\hat{x}$"),
    ):
        box = (x - 1.1, x + 1.1, 1.9, 4.1)
        axis.imshow(values.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1, extent=box, zorder=2)
        axis.add_patch(patches.Rectangle((x - 1.1, 1.9), 2.2, 2.2, fill=False, ec="#cccccc"))
        axis.text(x, 1.5, label, ha="center", va="top", fontsize=10, color=INK)
    axis.set(xlim=(0, 17.2), ylim=(-1.2, 6.3))
    axis.text(5.4, 5.65, "encoder $f$", ha="center", fontsize=10, color=BLUE)
    axis.text(8.6, 3.85, "code $z$", ha="center", fontsize=10, color=RED)
    axis.text(11.8, 5.65, "decoder $g$", ha="center", fontsize=10, color=GREEN)
    arrow = {"arrowstyle": "-|>", "linestyle": "-", "color": GREYS[1], "shrinkA": 0, "shrinkB": 0}
    low = -0.35
    for start, end, from_y, to_y in ((3.8, 8.5, 0.85, 1.85), (8.7, 13.4, 1.85, 0.85)):
        axis.plot([start, start, end], [from_y, low, low], color=GREYS[1], linewidth=1)
        axis.annotate("", (end, to_y), (end, low), arrowprops=arrow)
    note = "linear path: starts at PCA"
    axis.text(8.6, low - 0.3, note, ha="center", va="top", fontsize=9, color=GREYS[1])
    save(figure, "scheme")


def curve():
    """Draw points near a curve, said in one number by PCA and by an autoencoder."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(-0.2, 1.35 * np.pi, 400)
    X = np.column_stack([1.3 * np.cos(angle), np.sin(angle)])
    X += rng.normal(scale=0.06, size=X.shape)
    models = {
        "PCA": PCA(n_components=1).fit(X),
        "Autoencoder": AutoencoderTransformer(
            n_components=1, learning_rate=0.01, max_iter=300, random_state=0
        ).fit(X),
    }
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharex=True, sharey=True)
    for axis, (name, model) in zip(axes, models.items(), strict=True):
        codes = model.transform(X)
        back = model.inverse_transform(codes)
        axis.plot(*np.stack([X, back]).transpose(2, 0, 1), color="#dddddd", linewidth=0.7, zorder=1)
        axis.scatter(*X.T, s=7, color=GREYS[1], linewidths=0, zorder=2)
        line = model.inverse_transform(np.linspace(codes.min(), codes.max(), 400)[:, None])
        axis.plot(*line.T, color=RED, linewidth=2.4, zorder=3)
        error = reconstruction_error(model, X)
        title(axis, f"{name}: mean squared error {error:.3f}")
        axis.set(xticks=[], yticks=[])
        axis.set_aspect("equal")
        axis.spines[:].set_color("#cccccc")
    figure.tight_layout()
    save(figure, "curve")


# --- 2. training ------------------------------------------------------------------------------


def backpropagation():
    """Draw the network of the worked example, with its numbers forwards and backwards."""
    figure, axis = plt.subplots(figsize=(8.6, 2.5))
    axis.set(xlim=(-0.6, 10.6), ylim=(-1.75, 1.6))
    axis.set_axis_off()
    nodes = [
        (0, "$x$", "1", ""),
        (2.5, "$a$", "0.5", "-0.846"),
        (5, "$z$", "0.462", "-1.076"),
        (7.5, r"$\hat{x}$", "0.462", "-1.076"),
        (10, "$L$", "0.289", "1"),
    ]
    edges = [
        (r"$a = w_1 x + b_1$", ""),
        (r"$z = \tanh a$", r"$\times (1 - z^2)$"),
        (r"$\hat{x} = w_2 z + b_2$", r"$\times w_2$"),
        (r"$L = (\hat{x} - x)^2$", r"$\times 2(\hat{x} - x)$"),
    ]
    for x, name, value, slope in nodes:
        axis.add_patch(patches.Circle((x, 0), 0.4, fc="white", ec=INK, linewidth=1.2, zorder=3))
        axis.text(x, 0, name, ha="center", va="center", fontsize=11, color=INK, zorder=4)
        axis.text(x, 0.55, value, ha="center", va="bottom", fontsize=9.5, color=BLUE)
        axis.text(
            x, -0.55, slope.replace("-", "\u2212"), ha="center", va="top", fontsize=9.5, color=RED
        )
    for (left, *_), (right, *_), (forward, backward) in zip(nodes, nodes[1:], edges, strict=False):
        middle = (left + right) / 2
        arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}
        axis.annotate(
            "", (right - 0.42, 0.12), (left + 0.42, 0.12), arrowprops=arrow | {"color": BLUE}
        )
        axis.text(middle, 1.05, forward, ha="center", va="bottom", fontsize=9.5, color=BLUE)
        if backward:
            axis.annotate(
                "", (left + 0.42, -0.12), (right - 0.42, -0.12), arrowprops=arrow | {"color": RED}
            )
            axis.text(middle, -1.05, backward, ha="center", va="top", fontsize=9.5, color=RED)
    axis.text(-0.5, 1.05, "values", fontsize=9, color=BLUE, va="bottom", ha="left")
    axis.text(-0.5, -1.05, "slopes of $L$", fontsize=9, color=RED, va="top", ha="left")
    save(figure, "backpropagation")


def learning_rate():
    """Draw loss curves with learning rates that are too small, right and too large."""
    X, _, _, _ = digits()
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    rates = {1e-5: GREYS[2], 1e-4: GREYS[1], 1e-3: RED, 1e-2: BLUE, 1e-1: INK}
    notes = {
        1e-5: "hardly moves",
        1e-4: "slow",
        1e-3: "steady",
        1e-2: "fast",
        1e-1: "does not settle",
    }
    ends = []
    for rate, color in rates.items():
        curve = plain_fit(X, learning_rate=rate).loss_curve_
        axis.plot(range(1, len(curve) + 1), curve, color=color, linewidth=1.8)
        ends.append((min(curve[-1], 0.6), f"{rate:f}".rstrip("0") + f": {notes[rate]}", color))
    axis.set(xlabel="epoch", ylabel="training loss", yscale="log", ylim=(0.07, 0.7))
    name_ends(axis, len(curve), ends)
    plain_axis(axis, [0.1, 0.2, 0.5])
    title(axis, "Adam at five learning rates (digits, 8 numbers)")
    save(figure, "learning-rate")


def schedules():
    """Draw the learning rate that each schedule sets, noted while training."""
    X, _, _, _ = digits()
    colors = {
        "constant": GREYS[2],
        "step": GREYS[0],
        "cosine": BLUE,
        "one_cycle": RED,
        "reduce_on_plateau": GREEN,
    }
    figure, axis = plt.subplots(figsize=(6.4, 3.4))
    for name, color in colors.items():
        note = _RateNote()
        plain_fit(
            X,
            learning_rate_schedule=name,
            early_stopping=True,
            callbacks=[note],
            # Large enough for a plateau within the time.
            learning_rate=1e-2,
        )
        rates = np.asarray(note.rates) / 1e-2
        epochs = np.arange(1, len(rates) + 1)
        smooth = name in ("cosine", "one_cycle")
        style = "default" if smooth else "steps-mid"
        axis.plot(epochs, rates, drawstyle=style, color=color, linewidth=1.8, label=name)
    axis.set(xlabel="epoch", ylabel="share of learning_rate", ylim=(0, 1.05))
    plain_axis(axis)
    axis.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    title(axis, "Learning-rate schedules")
    save(figure, "schedules")


class _RateNote(Callback):
    """Notes the learning rate at the end of each epoch, before a plateau changes it."""

    def __init__(self):
        self.rates = []

    def on_epoch_end(self, net, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


def gradients():
    """Draw the length of the gradient at each layer of a deep network, before training."""
    X, _, _, _ = digits()
    x = torch.as_tensor(X[:256] - X.mean(axis=0), dtype=torch.float32)
    cases = {
        "ReLU, twice He's weights": ("relu", 2 * 6**0.5, GREYS[0], "--"),
        "ReLU, He's weights": ("relu", 6**0.5, GREEN, "-"),
        "tanh, Glorot's weights": ("tanh", 3**0.5, BLUE, "-"),
        "ReLU, PyTorch's weights": ("relu", 1.0, RED, "-"),
        "logistic, Glorot's weights": ("logistic", 3**0.5, GREYS[1], "--"),
    }
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    depth = 12
    ends = []
    for name, (activation, gain, color, style) in cases.items():
        generator = torch.Generator().manual_seed(0)
        network = Stack([64] * (depth + 1), activation=activation, generator=generator)
        with torch.no_grad():
            for key, parameter in network.named_parameters():
                parameter.mul_(gain if "weight" in key else 0)
        outputs = []
        for layer in network.layers:
            if list(layer.parameters()):
                layer.register_forward_hook(lambda *args, outputs=outputs: outputs.append(args[2]))
        loss = (network(x) - x).square().mean()
        norms = [float(slope.norm()) for slope in torch.autograd.grad(loss, outputs)]
        norms = np.asarray(norms) / norms[-1]
        axis.plot(range(1, depth + 1), norms, style, color=color, marker="o", markersize=3.5)
        ends.append((norms[0], name, color))
    axis.set(xlabel="layer, 12 being next to the loss", yscale="log")
    axis.set_ylabel("slope of the loss, relative to layer 12")
    axis.set_xticks(range(1, depth + 1))
    axis.invert_xaxis()
    plain_axis(axis)
    name_ends(axis, 1, ends)
    title(axis, "Gradients on their way back through 12 layers")
    save(figure, "gradients")


# --- 3. optimizers ----------------------------------------------------------------------------

# Each with the best of the rates 0.001, 0.003, 0.01, ..., 10.
OPTIMIZERS = {
    "gradient_descent": (3.0, GREYS[2], "-"),
    "sgd": (1.0, GREYS[1], "--"),
    "momentum": (0.3, GREYS[1], "-"),
    "nesterov": (1.0, GREYS[0], "-"),
    "adagrad": (0.03, GREEN, "-"),
    "rmsprop": (0.003, GREEN, "--"),
    "adam": (0.003, RED, "-"),
    "muon": (0.003, BLUE, "-"),
    "lbfgs": (1.0, INK, ":"),
}


def optimizers():
    """Draw loss curves of the optimizers on digits."""
    X, _, _, _ = digits()
    figure, axis = plt.subplots(figsize=(6.6, 4.2))
    ends = []
    for name, (rate, color, style) in OPTIMIZERS.items():
        curve = plain_fit(X, optimizer=name, learning_rate=rate, max_iter=40).loss_curve_
        width = 2.4 if name == "adam" else 1.6
        axis.plot(range(1, len(curve) + 1), curve, style, color=color, linewidth=width)
        ends.append((curve[-1], f"{name}, {rate:g}", color))
    axis.set(xlabel="epoch", ylabel="training loss", yscale="log")
    plain_axis(axis, [0.05, 0.1, 0.2, 0.3])
    name_ends(axis, len(curve), ends)
    title(axis, "Optimizers and learning rates, constant schedule (digits, 8 numbers)")
    save(figure, "optimizers")


# --- 4. losses --------------------------------------------------------------------------------


def losses():
    """Draw the losses over the residual, and binary cross-entropy over the reconstruction."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.2))
    residual = np.linspace(-3, 3, 301)
    size = np.abs(residual)
    huber = np.where(size <= 1, residual**2 / 2, size - 0.5)
    left.plot(residual, residual**2, color=RED, linewidth=2, label="squared")
    left.plot(residual, size, color=BLUE, linewidth=2, label="absolute")
    left.plot(residual, huber, color=GREEN, linewidth=2, label="Huber")
    left.set(xlabel=r"residual $\hat{x} - x$, in standard units", ylim=(0, 5))
    left.legend(frameon=False, fontsize=9)
    title(left, "Loss of one entry")
    share = np.linspace(0.002, 0.998, 400)
    for x, color in ((0, BLUE), (0.3, GREEN), (1, RED)):
        entropy = -(x * np.log(share) + (1 - x) * np.log(1 - share))
        right.plot(share, entropy, color=color, linewidth=2, label=f"$x$ = {x:g}")
        best = min(max(x, share[0]), share[-1])
        lowest = -(x * np.log(best) + (1 - x) * np.log(1 - best))
        right.plot(best, lowest, "o", color=color, markersize=5, clip_on=False)
    right.set(xlabel=r"reconstruction $\hat{x}$", ylim=(0, 4), xlim=(0, 1))
    right.legend(frameon=False, fontsize=9, loc="upper center")
    title(right, "Binary cross-entropy of one entry")
    plain_axis(left)
    plain_axis(right)
    figure.tight_layout(w_pad=3)
    save(figure, "losses")


# --- 5. the family ----------------------------------------------------------------------------


def denoising():
    """Draw images with lost pixels, and what makes them whole again."""
    X_train, X_test, _, y_test = digits()
    rng = np.random.default_rng(0)
    damaged = X_test * (rng.random(X_test.shape) < 0.7)
    models = {
        "PCA": PCA(n_components=32).fit(X_train),
        "Autoencoder": AutoencoderTransformer(n_components=32, random_state=0).fit(X_train),
        "Denoising": AutoencoderTransformer(
            n_components=32, corruption=MaskingNoise(0.3), max_iter=200, random_state=0
        ).fit(X_train),
    }
    rows = {"clean": X_test, "damaged": damaged}
    rows |= {
        name: model.inverse_transform(model.transform(damaged)) for name, model in models.items()
    }
    shown = [np.flatnonzero(y_test == label)[0] for label in range(10)]
    figure, axes = plt.subplots(
        len(rows), 10, figsize=(8.6, 3.7), gridspec_kw={"wspace": 0.08, "hspace": 0.08}
    )
    for row, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(row, images[shown], strict=True):
            show(axis, image)
        error = np.mean((images - X_test) ** 2)
        label = name if name == "clean" else f"{name}\n{error:.3f}"
        row[0].set_ylabel(
            label,
            rotation=0,
            ha="right",
            va="center",
            labelpad=8,
            fontsize=9,
            color=INK,
            fontweight="bold" if name == "Denoising" else "normal",
        )
    save(figure, "denoising")


def latent_spaces():
    """Draw codes in two dimensions, and what a grid of codes decodes to."""
    X_train, X_test, _, y_test = digits()
    latents = {"plain": None, "variational": "variational", "Wasserstein": "wasserstein"}
    figure, axes = plt.subplots(
        2, 3, figsize=(9, 6.3), gridspec_kw={"wspace": 0.08, "hspace": 0.06}
    )
    colors = plt.get_cmap("tab10")
    for column, (name, latent) in zip(axes.T, latents.items(), strict=True):
        autoencoder = AutoencoderTransformer(
            n_components=2, latent=latent, max_iter=200, random_state=0
        ).fit(X_train)
        codes = autoencoder.transform(X_test)
        shares = np.linspace(0.03, 0.97, 10)
        if latent is None:
            first, second = np.quantile(codes, shares, axis=0).T
        else:
            first = second = norm.ppf(shares)
            for radius in (1, 2):
                column[0].add_patch(
                    patches.Circle((0, 0), radius, fill=False, ec="#bbbbbb", linestyle=":")
                )
            column[0].set(xlim=(-3.4, 3.4), ylim=(-3.4, 3.4))
        column[0].scatter(*codes.T, c=colors(y_test), s=7, alpha=0.8, linewidths=0)
        if latent is None:
            for values, limit in zip(
                codes.T, (column[0].set_xlim, column[0].set_ylim), strict=True
            ):
                low, high = np.quantile(values, [0.003, 0.997])
                limit(low - 0.08 * (high - low), high + 0.08 * (high - low))
        column[0].set(xticks=[], yticks=[])
        column[0].spines[:].set_color("#cccccc")
        column[0].set_title(name, fontsize=10, color=INK)
        grid = np.stack(np.meshgrid(first, second[::-1]), axis=-1).reshape(-1, 2)
        images = autoencoder.inverse_transform(grid).reshape(10, 10, 8, 8)
        images = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))  # apart from each other
        show(column[1], images.transpose(0, 2, 1, 3), shape=(100, 100))
    axes[0, 0].set_ylabel("codes of test rows", fontsize=9, color=INK)
    axes[1, 0].set_ylabel("a grid of codes, decoded", fontsize=9, color=INK)
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", markersize=5, color=color)
        for color in colors(range(10))
    ]
    figure.legend(
        handles,
        range(10),
        loc="lower center",
        ncols=10,
        frameon=False,
        fontsize=9,
        handletextpad=0,
        columnspacing=0.9,
        bbox_to_anchor=(0.5, 0.03),
    )
    save(figure, "latent-spaces", dpi=100)


def samples():
    """Draw new images of four kinds of autoencoder."""
    X_train, _, _, _ = digits()
    latents = {
        "plain": None,
        "variational": "variational",
        "Wasserstein": "wasserstein",
        "adversarial": "adversarial",
    }
    figure, axes = plt.subplots(
        len(latents), 12, figsize=(8.8, 2.9), gridspec_kw={"wspace": 0.08, "hspace": 0.08}
    )
    for row, (name, latent) in zip(axes, latents.items(), strict=True):
        autoencoder = AutoencoderTransformer(
            n_components=8, latent=latent, max_iter=200, random_state=0
        ).fit(X_train)
        for axis, image in zip(row, autoencoder.sample(12, random_state=0), strict=True):
            show(axis, image)
        row[0].set_ylabel(
            name, rotation=0, ha="right", va="center", labelpad=8, fontsize=9, color=INK
        )
    save(figure, "samples")


def sparsity():
    """Draw the code of one image in four autoencoders, and what entries of a sparse one mean."""
    X, X_test, _, _ = digits()
    latents = {
        "plain": None,
        "Sparse, L1": Sparse(weight=0.5),
        "Sparse, KL": Sparse("kl"),
        "TopK(5)": TopK(5),
    }
    figure = plt.figure(figsize=(8.6, 4.3))
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.3, 1], hspace=0.12)
    axes = top.subplots(1, 4, sharex=True, gridspec_kw={"wspace": 0.28})
    for axis, (name, latent) in zip(axes, latents.items(), strict=True):
        sparse = AutoencoderTransformer(
            n_components=100, latent=latent, hidden_layer_sizes=(), max_iter=100, random_state=0
        ).fit(X)
        code = sparse.transform(X_test[:1])[0]
        axis.bar(range(100), code, width=1, color=RED if latent is not None else GREYS[1])
        axis.axhline(0, color="#cccccc", linewidth=0.8)
        n_active = int(np.sum(np.abs(code) > 0.1 * np.abs(code).max()))
        axis.set_title(f"{name}: {n_active} active", fontsize=9.5, color=INK)
        axis.tick_params(labelsize=7.5)
        axis.set_xticks([0, 50, 100])
        axis.spines[["top", "right"]].set_visible(False)
    codes = sparse.transform(X)
    # The entries that are used most, and how far each moves the reconstruction.
    most_used = np.argsort(-(codes != 0).mean(axis=0))[:24]
    atoms = sparse.inverse_transform(np.eye(100)) - sparse.inverse_transform(np.zeros((1, 100)))
    axes = bottom.subplots(2, 12, gridspec_kw={"wspace": 0.1, "hspace": 0.0})
    for axis, atom in zip(axes.flat, atoms[most_used], strict=True):
        limit = np.abs(atom).max()
        axis.imshow(atom.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    top.suptitle("The code of one image, of 100 entries", fontsize=10.5, color=INK, y=1.04)
    bottom.suptitle(
        "What an entry of TopK(5) adds to the reconstruction (red) or takes off it (blue)",
        fontsize=10.5,
        color=INK,
        y=1.02,
    )
    save(figure, "sparsity")


def collapse():
    """Draw the divergence of each entry of variational codes, and what beta does to it."""
    X_train, _, _, _ = digits()
    figure, axis = plt.subplots(figsize=(6.4, 3.3))
    for beta, color in ((0.2, GREYS[1]), (1.0, RED), (5.0, BLUE)):
        autoencoder = AutoencoderTransformer(
            n_components=16, latent=Variational(beta=beta), max_iter=150, random_state=0
        ).fit(X_train)
        net = autoencoder.net_

        def nats(x, module=net.module_):
            return divergence(module.hidden(module.standardize(x)))

        entries = np.sort(net.compute(nats, X_train).mean(axis=0))[::-1]
        axis.plot(range(1, 17), entries, "o-", color=color, markersize=4, label=f"beta={beta:g}")
    axis.set(xlabel="entry of the code, sorted", ylabel="divergence from the prior, nats")
    axis.set_xticks([1, 4, 8, 12, 16])
    axis.set_ylim(bottom=-0.1)
    plain_axis(axis)
    axis.legend(frameon=False, fontsize=9)
    title(axis, "Entries in use of a variational code of 16 (digits)")
    save(figure, "collapse")


# --- 6. regularisation ------------------------------------------------------------------------


def fitting():
    """Draw curves that tell of under-fitting, of over-fitting and of neither."""
    X, _, _, _ = digits()
    wide = {"hidden_layer_sizes": (512, 256)}
    cases = {
        "under-fitting: learning_rate=0.00001": (X, {"learning_rate": 1e-5}),
        "over-fitting: wide network, few rows": (X[:200], wide),
        "the same with dropout=0.5": (X[:200], wide | {"dropout": 0.5}),
    }
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.1), sharey=True)
    for axis, (name, (rows, options)) in zip(axes, cases.items(), strict=True):
        autoencoder = plain_fit(
            rows,
            n_components=4,
            early_stopping=True,
            validation_fraction=0.3,
            max_iter=200,
            **options,
        )
        validation = np.asarray(autoencoder.validation_curve_)
        epochs = range(1, len(validation) + 1)
        axis.plot(epochs, autoencoder.loss_curve_, color=GREYS[1], linewidth=1.6, label="training")
        axis.plot(epochs, validation, color=RED, linewidth=2, label="validation")
        best = int(validation.argmin())
        axis.plot(best + 1, validation[best], "o", color=RED, markersize=5)
        axis.set(xlabel="epoch", yscale="log", ylim=(0.05, 1.3))
        plain_axis(axis, [0.05, 0.1, 0.2, 0.5, 1])
        title(axis, name, size=9.5)
    axes[0].set_ylabel("loss")
    axes[1].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    save(figure, "fitting")


# --- 8. evaluation ----------------------------------------------------------------------------


def components():
    """Draw error and accuracy over the size of the code."""
    X_train, X_test, y_train, y_test = digits()
    sizes = [1, 2, 4, 8, 16, 32]
    results = {}
    for name in ("PCA", "Autoencoder"):
        for size in sizes:
            model = (
                PCA(n_components=size)
                if name == "PCA"
                else AutoencoderTransformer(n_components=size, random_state=0)
            )
            codes = model.fit_transform(X_train)
            classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
            accuracy = classifier.fit(codes, y_train).score(model.transform(X_test), y_test)
            results[name, size] = reconstruction_error(model, X_test), accuracy
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.3))
    for name, color in (("PCA", GREYS[0]), ("Autoencoder", RED)):
        for axis, values in zip(
            axes, zip(*(results[name, s] for s in sizes), strict=True), strict=True
        ):
            axis.plot(sizes, values, "o-", color=color, markersize=4, linewidth=1.8, label=name)
    for axis in axes:
        axis.set(xscale="log", xlabel="n_components")
        axis.minorticks_off()
        plain_axis(axis)
        axis.set_xticks(sizes, [str(size) for size in sizes])
    axes[0].set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=9)
    title(axes[0], "Mean squared error, test rows")
    title(axes[1], "Accuracy of a classifier on the codes")
    figure.tight_layout(w_pad=3)
    save(figure, "components")


# --- what the pictures share --------------------------------------------------------------------


def digits():
    """Give images of digits in [0, 1], to train and to test, and their labels."""
    X, y = load_digits(return_X_y=True)
    return train_test_split((X / 16).astype(np.float32), y, test_size=0.3, random_state=0)


def plain_fit(X, **options):
    """Fit for a fixed number of epochs, at a constant rate and to all rows unless told else."""
    parameters = {
        "n_components": 8,
        "learning_rate_schedule": "constant",
        "early_stopping": False,
        "n_iter_no_change": None,
        "max_iter": 60,
        "random_state": 0,
    }
    return AutoencoderTransformer(**(parameters | options)).fit(X)


def show(axis, image, shape=(8, 8)):
    """Show one image without a frame."""
    axis.imshow(image.reshape(shape), cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def title(axis, text, size=10.5):
    """Write a title above the left end of an axis."""
    axis.set_title(text, fontsize=size, color=INK, loc="left")


def plain_axis(axis, ticks=None):
    """Leave away what does not tell anything."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color=PALE)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8.5)
    axis.xaxis.label.set_size(9.5)
    axis.yaxis.label.set_size(9.5)
    if ticks is not None:
        axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.yaxis.set_minor_locator(plt.NullLocator())


def name_ends(axis, x, ends, height=15):
    """Name curves at their right ends, pushed apart where they meet."""
    axis.figure.canvas.draw()
    points = [axis.transData.transform((x, y))[1] for y, _, _ in ends]
    order = np.argsort(points)
    last = -np.inf
    for i in order:
        last = max(points[i], last + height)
        axis.annotate(
            ends[i][1],
            axis.transData.inverted().transform((axis.transData.transform((x, 1))[0], last)),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=ends[i][2],
            annotation_clip=False,
        )


def save(figure, name, dpi=120):
    """Write a picture."""
    FOLDER.mkdir(exist_ok=True)
    figure.savefig(
        FOLDER / f"how-{name}.png",
        dpi=dpi,
        bbox_inches="tight",
        facecolor="white",
        pad_inches=0.1,
        pil_kwargs={"optimize": True},
    )
    plt.close(figure)


PICTURES = [
    scheme,
    curve,
    backpropagation,
    learning_rate,
    schedules,
    gradients,
    optimizers,
    losses,
    denoising,
    latent_spaces,
    samples,
    sparsity,
    collapse,
    fitting,
    components,
]


def main(names):
    """Draw the pictures of these names, or all."""
    plt.switch_backend("Agg")
    torch.set_num_threads(1)
    for picture in PICTURES:
        if not names or picture.__name__ in names:
            with warnings.catch_warnings():
                # Some are to show what goes wrong.
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.filterwarnings("ignore", message="Training stopped because")
                picture()


if __name__ == "__main__":
    main(sys.argv[1:])
