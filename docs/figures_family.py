"""The pictures of the family, and of how to judge it."""

import numpy as np
from figures_style import BLUE, GREYS, INK, RED, digits, plain_axis, plain_fit, save, show, title
from matplotlib import patches
from matplotlib import pyplot as plt
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import MaskingNoise
from sklearn_ae.latents import Sparse, TopK, Variational
from sklearn_ae.metrics import reconstruction_error
from sklearn_ae.plotting import LatentMapDisplay


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
            return module.latent.divergence(module.hidden(module.standardize(x)))

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
            n_refinement_steps=0,  # validation rows are then evaluated after each epoch
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


def latent_map():
    """Draw the codes of test images by PCA and by an autoencoder, with decoded images."""
    train, test, _, labels = digits()
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.5), layout="constrained")
    for axis, model in zip(axes, (PCA(2), AutoencoderTransformer(2, random_state=0)), strict=True):
        LatentMapDisplay.from_estimator(
            model.fit(train), test, labels, ax=axis, image_shape=(8, 8), s=14
        )
    axes[0].get_legend().remove()
    save(figure, "map")
