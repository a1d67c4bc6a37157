"""
Do convolutions help? Digits that may be anywhere
=================================================

A convolution slides one small kernel over the whole image, so it finds a stroke wherever it is. A
fully connected network has to learn each place by itself. Here digits lie anywhere in an image.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional
from sklearn_ae.metrics import reconstruction_r2

# %%
# Move the digits
# ---------------

rng = np.random.default_rng(0)
digits = load_digits().images
images = np.zeros((len(digits), 16, 16), np.float32)
for image, digit, (row, column) in zip(
    images, digits, rng.integers(0, 9, (len(digits), 2)), strict=True
):
    image[row : row + 8, column : column + 8] = digit
X_train, X_test = images[:500].reshape(500, -1), images[1200:].reshape(len(images) - 1200, -1)

# %%
# Four models with ten numbers
# ----------------------------
# The convolutional network has half as many weights as the default one. A third autoencoder has as
# few, but is fully connected. All else is the default.

models = {
    "PCA": PCA(n_components=10),
    "default": AutoencoderTransformer(n_components=10, random_state=0),
    "narrow": AutoencoderTransformer(n_components=10, hidden_layer_sizes=(64, 32), random_state=0),
    "convolutional": AutoencoderTransformer(
        n_components=10, architecture=Convolutional(image_shape=(16, 16)), random_state=0
    ),
}
lost, labels = [], []
for name, model in models.items():
    start = perf_counter()
    model.fit(X_train)
    seconds = perf_counter() - start
    if name == "PCA":
        n_weights = model.components_.size
    else:
        n_weights = sum(weights.numel() for weights in model.net_.module_.parameters())
    lost.append(1 - reconstruction_r2(model, X_test))
    labels.append(f"{name}\n{n_weights:,} weights")
    print(f"{name:14} {n_weights:6,} weights, {seconds:5.1f} s, {lost[-1]:.3f} of new images lost")

# %%
# The answer
# ----------
# The convolutional network has the smallest error, with half the weights of the default. But the
# gain is small, and the training takes far longer: more steps, and slower ones. On images as small
# as these, the default is hard to beat.

figure = plt.figure(figsize=(10, 3.8), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
ax = left.subplots()
bars = ax.barh(labels, lost, color=["0.6", "tab:blue", "lightblue", "tab:orange"])
ax.bar_label(bars, fmt=" %.3f")
ax.invert_yaxis()
ax.margins(x=0.15)
ax.tick_params(left=False)
ax.set(xlabel="share of the variance of new images that is lost")
shown = X_test[10:16]
lines = {"original": shown}
lines |= {
    name: model.inverse_transform(model.transform(shown))
    for name, model in models.items()
    if name != "narrow"
}
for line, (name, rows) in zip(right.subplots(4, 6), lines.items(), strict=True):
    for ax, row in zip(line, rows, strict=True):
        ax.imshow(row.reshape(16, 16), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color("0.8")
        ax.spines[:].set_visible(True)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
