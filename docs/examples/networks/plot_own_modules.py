"""
Can one number tell the time? PyTorch modules of your own
=========================================================

An image of a clock hand needs one number: the angle of the hand. But the angle closes in a circle,
and a code on a line has to be cut somewhere. Two small modules of your own make the code an angle.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_r2

# %%
# Images of a clock hand
# ----------------------

place = np.stack(np.meshgrid(np.arange(16) - 7.5, 7.5 - np.arange(16)), axis=-1).reshape(-1, 2)


def clocks(hours):
    """Draw the hand of a clock at these hours, 16 x 16 pixels each."""
    angle = 2 * np.pi * np.asarray(hours) / 12
    hand = np.column_stack([np.sin(angle), np.cos(angle)])
    along = np.clip(place @ hand.T, 0, 7)  # nearest point of the hand
    distance = np.linalg.norm(place[:, None] - along[..., None] * hand, axis=-1)
    return np.exp(-(distance**2) / 2).T.astype(np.float32)


rng = np.random.default_rng(0)
hours = np.arange(0, 12, 0.05)
X_train, X_test = clocks(rng.uniform(0, 12, 1000)), clocks(hours)

# %%
# The two modules
# ---------------
# The encoder ends in an angle, and the decoder begins with its sine and cosine. Any pair of modules
# with these sizes will do; the estimator trains a copy of them.


class Angle(nn.Module):
    def forward(self, point):
        return torch.atan2(point[:, :1], point[:, 1:])


class Circle(nn.Module):
    def forward(self, angle):
        return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(256, 2), Angle())
decoder = nn.Sequential(Circle(), nn.Linear(2, 128), nn.GELU(), nn.Linear(128, 256))

# %%
# Three models with one number
# ----------------------------
# The own modules go without the linear path, since a straight line is what they should avoid.

models = {
    "PCA": PCA(n_components=1),
    "default autoencoder": AutoencoderTransformer(n_components=1, random_state=0),
    "own modules": AutoencoderTransformer(
        n_components=1, architecture=(encoder, decoder), linear_path=None, random_state=0
    ),
}
explained = {}
for name, model in models.items():
    explained[name] = reconstruction_r2(model.fit(X_train), X_test)
    codes = model.transform(X_test)[:, 0]
    n_jumps = np.sum(np.abs(np.diff(codes, append=codes[0])) > 0.05 * np.ptp(codes))
    print(f"{name:20} explained variance {explained[name]:.2f}, jumps of the code: {n_jumps}")

# %%
# The answer
# ----------
# The default autoencoder has the smallest error, but it covers the circle by pieces of a line, and
# jumps between them: its number is not the time. The code of the own modules follows the hand round
# the clock, and is cut once, where -180 degrees meet 180.

figure, axes = plt.subplots(2, 3, figsize=(10, 5), layout="constrained", height_ratios=[2.2, 1])
shown = [3, 33, 63, 93, 123, 153, 183, 213]
for (top, bottom), (name, model) in zip(axes.T, models.items(), strict=True):
    top.plot(hours, model.transform(X_test), ".", color="tab:blue", markersize=4)
    top.set_title(f"{name}: {explained[name]:.2f} explained", loc="left", fontsize="medium")
    top.set(xlabel="hour of the image", xticks=[0, 3, 6, 9, 12])
    images = model.inverse_transform(model.transform(X_test[shown])).reshape(2, 4, 16, 16)
    mosaic = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1))).transpose(0, 2, 1, 3).reshape(36, 72)
    bottom.imshow(mosaic, cmap="gray_r", vmin=0, vmax=1)
    bottom.set(xticks=[], yticks=[], xlabel="reconstructions, every 1.5 hours")
    bottom.spines[:].set_visible(False)
axes[0, 0].set_ylabel("the one number of the code")
plt.show()
