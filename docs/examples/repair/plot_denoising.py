"""
Who removes noise best? The autoencoder that has seen some
==========================================================

A denoising autoencoder sees noisy rows in training and learns to give back the clean ones. Here it
competes with PCA and with a plain autoencoder, which never saw noise.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruption import GaussianNoise

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Noisy images
# ------------
# Pixels go from 0 to 16, and the noise has a standard deviation of 4.

rng = np.random.default_rng(0)
noisy = X_test + rng.normal(scale=4, size=X_test.shape)

# %%
# Three models
# ------------
# All are trained on clean images. PCA and the plain autoencoder remove noise only if their code is
# too small to keep it, so each may take the best of four sizes. The denoising autoencoder adds
# noise by itself, in the units of the pixels, and learns to remove it. It needs no small code.

candidates = [("PCA", PCA(size)) for size in (4, 8, 16, 32)]
candidates += [
    ("autoencoder", AutoencoderTransformer(size, random_state=0)) for size in (4, 8, 16, 32)
]
noise = GaussianNoise(4, units="input")
candidates.append(
    ("denoising autoencoder", AutoencoderTransformer(32, corruption=noise, random_state=0))
)
errors, models = {}, {}
for name, model in candidates:
    codes = model.fit(X_train).transform(noisy)
    error = np.mean((model.inverse_transform(codes) - X_test) ** 2)
    errors.setdefault(name, {})[model.n_components] = error
    models[name, model.n_components] = model

print(f"noisy images: mean squared error {np.mean((noisy - X_test) ** 2):.1f}")
best = {name: min(by_size, key=by_size.get) for name, by_size in errors.items()}
for name, by_size in errors.items():
    figures = ", ".join(f"{error:.1f} with {size}" for size, error in by_size.items())
    print(f"{name}: {figures} numbers")

# %%
# The answer
# ----------
# Each column shows a new image, cleaned by each model at its best code size.

shown = [np.flatnonzero(y_test == label)[0] for label in range(10)]
rows = {"clean": X_test[shown], f"noisy\n{np.mean((noisy - X_test) ** 2):.1f}": noisy[shown]}
for name, size in best.items():
    images = models[name, size].inverse_transform(models[name, size].transform(noisy[shown]))
    rows[f"{name}\n{size} numbers: {errors[name][size]:.1f}"] = images
figure, axes = plt.subplots(5, 10, figsize=(9, 4.3), layout="constrained")
for line, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(line, images, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
figure.suptitle("Digits, and their mean squared error", fontsize="medium")
plt.show()
