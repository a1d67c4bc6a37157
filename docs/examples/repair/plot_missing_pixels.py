"""
Can an autoencoder fill in missing pixels? Beside the imputers of scikit-learn
==============================================================================

``MaskingNoise`` hides entries of the input in training, and the autoencoder learns to give them
back. The fitted autoencoder then fills in pixels that are really missing.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import MaskingNoise

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Half of the pixels are missing
# ------------------------------

rng = np.random.default_rng(0)
is_missing = rng.random(X_test.shape) < 0.5
damaged = np.where(is_missing, np.nan, X_test)

# %%
# An autoencoder that fills in
# ----------------------------
# A missing value is an error for the autoencoder, so the pipeline puts the mean in its place and
# subtracts it: a missing pixel becomes 0, which is also what ``MaskingNoise`` writes in training.
# The code has 32 numbers; the other parameters are defaults.

autoencoder = make_pipeline(
    SimpleImputer(),
    StandardScaler(with_std=False),
    AutoencoderTransformer(n_components=32, corruption=MaskingNoise(0.5), random_state=0),
)


def fill_in(model, X):
    codes = model.transform(X)
    return np.where(np.isnan(X), model[1:].inverse_transform(codes), X)


# %%
# The imputers are fitted to the same complete images.

filled = {}
for name, model in {
    "mean": SimpleImputer(),
    "5 nearest neighbours": KNNImputer(),
    "autoencoder": autoencoder,
}.items():
    start = perf_counter()
    model.fit(X_train)
    fitted = perf_counter()
    filled[name] = fill_in(model, damaged) if name == "autoencoder" else model.transform(damaged)
    done = perf_counter()
    error = np.mean((filled[name] - X_test)[is_missing] ** 2)
    print(
        f"{name:22} error of a missing pixel {error:5.1f}, "
        f"fit {fitted - start:4.1f} s, new images {done - fitted:.2f} s"
    )

# %%
# The answer
# ----------
# Yes, though on this small table the nearest neighbours fill in a little better, without training.
# They keep all training rows and search them for each new row. The autoencoder keeps its weights
# alone, and fills in many rows at once in a few milliseconds.

shown = [np.flatnonzero(y_test == label)[0] for label in range(10)]
rows = {"original": X_test, "damaged": damaged} | filled
colors = plt.get_cmap("gray_r").with_extremes(bad="#f2c185")
figure, axes = plt.subplots(5, 10, figsize=(9, 4.2), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images[shown], strict=True):
        ax.imshow(image.reshape(8, 8), cmap=colors, vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
