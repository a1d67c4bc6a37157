"""
Which digits look alike? Three maps
===================================

A map shows each row as a point; rows that look alike should lie side by side. Here are three maps
of the same images: two principal components, the two numbers of a plain autoencoder, and
``latent="neighbors"``, which keeps the neighbours of a row close and moves groups apart, as t-SNE
and UMAP do.
"""

from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_error, trustworthiness
from sklearn_ae.plotting import LatentMapDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# Fit the maps and judge them on new images
# -----------------------------------------
# Trustworthiness tells whether neighbours on the map are neighbours in the data; 1 is best. The
# accuracy is that of the nearest neighbour on the map. No map sees the labels in training. The
# third map trains for fewer epochs than by default, which is enough for a picture.

maps = {
    "PCA": PCA(n_components=2),
    "plain autoencoder": AutoencoderTransformer(n_components=2, random_state=0),
    'latent="neighbors"': AutoencoderTransformer(
        n_components=2, latent="neighbors", max_iter=60, random_state=0
    ),
}
print(f"{'':20}{'seconds':>8}{'trust':>8}{'accuracy':>10}{'error':>8}")
for name, model in maps.items():
    start = perf_counter()
    codes = model.fit_transform(X_train)
    seconds = perf_counter() - start
    new_codes = model.transform(X_test)
    trust = trustworthiness(X_test, new_codes, reference=(X_train, codes))
    accuracy = KNeighborsClassifier(1).fit(codes, y_train).score(new_codes, y_test)
    error = reconstruction_error(model, X_test)
    print(f"{name:20}{seconds:8.1f}{trust:8.2f}{accuracy:10.2f}{error:8.1f}")

# %%
# The maps
# --------
# The points are new images. PCA lays most digits over each other. Both autoencoders keep neighbours
# together; ``latent="neighbors"`` leaves gaps between the groups, and takes the longest to fit.
# Distances between groups mean little on such a map.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
for ax, (name, model) in zip(axes, maps.items(), strict=True):
    display = LatentMapDisplay.from_estimator(model, X_test, y_test, name=name, ax=ax, s=14)
    if ax is not axes[-1]:
        display.legend_.remove()
plt.show()

# %%
# Every place of the map is an image
# ----------------------------------
# An autoencoder also decodes: the pictures show what the places of the last map stand for.
# Images between two groups are mixtures of both.

# sphinx_gallery_thumbnail_number = 2
display = LatentMapDisplay.from_estimator(
    maps['latent="neighbors"'], X_test, y_test, name="what places decode to", image_shape=(8, 8)
)
plt.show()
