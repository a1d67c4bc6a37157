"""The pictures that explain how an autoencoder is trained."""

from itertools import pairwise

import numpy as np
import torch
from figures_style import (
    BLUE,
    GREEN,
    GREYS,
    INK,
    RED,
    digits,
    name_ends,
    plain_axis,
    plain_fit,
    save,
    title,
)
from matplotlib import patches
from matplotlib import pyplot as plt
from sklearn.decomposition import PCA
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_error
from sklearn_ae.nn import Stack


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
    for x, name, value, gradient in nodes:
        axis.add_patch(patches.Circle((x, 0), 0.4, fc="white", ec=INK, linewidth=1.2, zorder=3))
        axis.text(x, 0, name, ha="center", va="center", fontsize=11, color=INK, zorder=4)
        axis.text(x, 0.55, value, ha="center", va="bottom", fontsize=9.5, color=BLUE)
        axis.text(
            x,
            -0.55,
            gradient.replace("-", "\u2212"),
            ha="center",
            va="top",
            fontsize=9.5,
            color=RED,
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
    axis.text(-0.5, -1.05, "gradients of $L$", fontsize=9, color=RED, va="top", ha="left")
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
        norms = [float(gradient.norm()) for gradient in torch.autograd.grad(loss, outputs)]
        norms = np.asarray(norms) / norms[-1]
        axis.plot(range(1, depth + 1), norms, style, color=color, marker="o", markersize=3.5)
        ends.append((norms[0], name, color))
    axis.set(xlabel="layer, 12 being next to the loss", yscale="log")
    axis.set_ylabel("gradient of the loss, relative to layer 12")
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
    "adamw": (0.003, BLUE, "-"),
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
