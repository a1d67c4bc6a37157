"""
How many numbers does a digit need? PCA beside an autoencoder
=============================================================

Both reduce an image of 64 pixels to a few numbers and restore it from them. PCA draws a flat plane
through the images. The autoencoder bends the plane, so it needs fewer numbers for the same error.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_r2

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Fit both with 1 to 32 numbers
# -----------------------------
# Both models use their defaults. The score is the share of the variance of *new* images that the
# reconstruction explains.

sizes = [1, 2, 4, 8, 16, 32]
models = {size: (PCA(size), AutoencoderTransformer(size, random_state=0)) for size in sizes}
explained = {}
for size, pair in models.items():
    explained[size], seconds = [], []
    for model in pair:
        start = perf_counter()
        model.fit(X_train)
        seconds.append(perf_counter() - start)
        explained[size].append(reconstruction_r2(model, X_test))
    print(
        f"{size:2d} numbers: PCA {explained[size][0]:.2f} in {seconds[0]:.3f} s, "
        f"autoencoder {explained[size][1]:.2f} in {seconds[1]:.1f} s"
    )

# %%
# The answer
# ----------
# With few numbers the autoencoder explains far more. With half as many numbers as pixels, PCA
# leaves so little that a second of training hardly pays. The images show what four numbers keep.

figure = plt.figure(figsize=(9.5, 3.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.15])
ax = left.subplots()
for number, (name, color) in enumerate([("PCA", "0.5"), ("autoencoder", "tab:blue")]):
    values = [explained[size][number] for size in sizes]
    ax.plot(sizes, values, "o-", color=color, label=name)
ax.set_xscale("log", base=2)
ax.set_xticks(sizes, sizes)
ax.set(xlabel="numbers per image", ylabel="explained variance of new images", ylim=(0, 1.03))
ax.legend(frameon=False, loc="lower right")

pca, autoencoder = models[4]
shown = [np.flatnonzero(y_test == label)[0] for label in range(0, 10, 2)]
rows = {
    "original": X_test[shown],
    "PCA": pca.inverse_transform(pca.transform(X_test[shown])),
    "autoencoder": autoencoder.reconstruct(X_test[shown]),
}
axes = right.subplots(3, 5)
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
right.suptitle("New images from 4 numbers", fontsize="medium")
plt.show()
