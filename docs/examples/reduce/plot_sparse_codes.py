"""
Which strokes make a digit? Sparse codes that can be read
=========================================================

A code of a few dense numbers is short, but no number of it means anything by itself. A sparse code
is long, and each row uses a few of its entries: like a text that picks a few words of a dictionary.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.latents import TopK
from sklearn_ae.metrics import reconstruction_r2

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# A dictionary of 100 words, five for each image
# ----------------------------------------------
# ``TopK(5)`` keeps the five largest entries of each code. Without hidden layers, which is not the
# default, the decoder is a plain dictionary: an image is a sum of the pictures of its entries.

sparse = AutoencoderTransformer(
    n_components=100, latent=TopK(5), hidden_layer_sizes=(), random_state=0
).fit(X_train)
codes = sparse.transform(X_test)
pca = PCA(n_components=5).fit(X_train)
print(f"entries in use per image: {set((codes != 0).sum(axis=1).tolist())}")
print(f"explained variance of new images: {reconstruction_r2(sparse, X_test):.2f}")
print(f"PCA with five numbers:            {reconstruction_r2(pca, X_test):.2f}")

# %%
# Do entries stand for something?
# -------------------------------
# No labels were used. Even so, an entry often stands for one or two kinds of digits. For each
# entry, this is the share of its most frequent digit among the images that use it.

train_codes = sparse.transform(X_train) != 0
used = np.flatnonzero(train_codes.sum(axis=0) >= 10)
print(f"{len(used)} entries are used by ten images or more")
shuffled = np.random.default_rng(0).permutation(y_train)
for name, labels in [("digits", y_train), ("shuffled digits, for comparison", shuffled)]:
    counts = np.array([np.bincount(labels[train_codes[:, entry]]).max() for entry in used])
    share = np.median(counts / train_codes[:, used].sum(axis=0))
    print(f"share of the most frequent of the {name}: {share:.2f} (median of the entries)")

# %%
# The answer
# ----------
# Each line is a new image, its reconstruction, and the five strokes that add up to it, with the
# value of each. Orange adds ink, purple takes it off.

background = sparse.inverse_transform(np.zeros((1, 100)))[0]
strokes = sparse.inverse_transform(np.eye(100)) - background
shown = [np.flatnonzero(y_test == label)[0] for label in (0, 3, 4, 7)]
figure, axes = plt.subplots(len(shown), 8, figsize=(9, 4.8), layout="constrained")
for line, row in zip(axes, shown, strict=True):
    active = np.argsort(-codes[row])[:5]
    pictures = [X_test[row], sparse.inverse_transform(codes[[row]])[0], background]
    for ax, picture in zip(line, pictures, strict=False):
        ax.imshow(picture.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    for ax, entry in zip(line[3:], active, strict=True):
        added = codes[row, entry] * strokes[entry]
        ax.imshow(added.reshape(8, 8), cmap="PuOr_r", vmin=-6, vmax=6)
        ax.set_xlabel(f"entry {entry}: {codes[row, entry]:.1f}", fontsize="small")
    for ax in line:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
for ax, title in zip(axes[0], ["image", "reconstruction", "always", "five strokes"], strict=False):
    ax.set_title(title, fontsize="medium")
plt.show()
