"""
What does a variational autoencoder believe a digit to be?
==========================================================

A variational autoencoder is a model of how rows arise: draw a code from a normal distribution, then
decode it. So it can make new rows, walk from one row to another, and tell how likely a row is.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

variational = AutoencoderTransformer(n_components=8, latent="variational", random_state=0).fit(
    X_train
)
print(variational.diagnose().figures["divergence"])

# %%
# New rows, and rows between rows
# -------------------------------
# ``sample`` draws codes from the prior. ``interpolate`` walks on the line between two codes.

samples = variational.sample(36, random_state=0)
first = {label: X_test[np.flatnonzero(y_test == label)[0]] for label in range(10)}
walks = [variational.interpolate(first[a], first[b], n=9) for a, b in [(0, 6), (3, 8), (4, 9)]]

# %%
# Likelihood
# ----------
# ``log_likelihood`` is in nats. It is highest for new digits; the autoencoder never saw any of the
# other kinds of images.

rng = np.random.default_rng(0)
others = {
    "new digits": X_test,
    "upside down": X_test.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64),
    "shuffled pixels": X_test[:, rng.permutation(64)],
}
likelihood = {name: variational.log_likelihood(rows) for name, rows in others.items()}
for name, values in likelihood.items():
    print(f"{name:16} median {np.median(values):7.0f} nats")
odd = likelihood["upside down"] < np.quantile(likelihood["new digits"], 0.05)
print(f"{odd.mean():.0%} of the images upside down are less likely than 95 % of the new digits")

# %%
# The answer
# ----------
# Some digits, such as 0 and 8, hardly change if they are turned upside down: those stay likely.
# Images with shuffled pixels are too unlikely for the range of the histogram.


def show(ax, image):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


figure = plt.figure(figsize=(9.5, 6), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1.5, 1])
left, right = top.subfigures(1, 2, width_ratios=[1, 1.5])
left.suptitle("drawn from the prior", fontsize="medium")
for ax, image in zip(left.subplots(6, 6).flat, samples, strict=True):
    show(ax, image)
right.suptitle("walks from one digit to another", fontsize="medium")
for ax, image in zip(right.subplots(3, 9).flat, np.concatenate(walks), strict=True):
    show(ax, image)
ax = bottom.subplots()
bins = np.linspace(-500, likelihood["new digits"].max(), 60)
for name, color in [("new digits", "tab:blue"), ("upside down", "tab:orange")]:
    ax.hist(likelihood[name], bins=bins, alpha=0.6, color=color, label=name)
ax.set(xlabel="log likelihood of an image, in nats", ylabel="images")
ax.legend(frameon=False, loc="upper left")
plt.show()
