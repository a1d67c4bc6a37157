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
from sklearn_ae.plotting import ReconstructionDisplay

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

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 3.6), width_ratios=[1, 1.15], layout="constrained"
)
for number, (name, color) in enumerate([("PCA", "0.5"), ("autoencoder", "tab:blue")]):
    values = [explained[size][number] for size in sizes]
    left.plot(sizes, values, "o-", color=color, label=name)
left.set_xscale("log", base=2)
left.set_xticks(sizes, sizes)
left.set(xlabel="numbers per image", ylabel="explained variance of new images", ylim=(0, 1.03))
left.legend(frameon=False, loc="lower right")

pca, autoencoder = models[4]
shown = [np.flatnonzero(y_test == label)[0] for label in range(0, 10, 2)]
ReconstructionDisplay.from_estimator(
    autoencoder, X_test[shown], others=pca, image_shape=(8, 8), ax=right, cmap="gray_r"
)
right.set_title("New images from 4 numbers", fontsize="medium")
plt.show()
