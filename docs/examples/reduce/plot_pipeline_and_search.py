"""
How many numbers does a classifier need? A grid search over a step
==================================================================

An autoencoder is a step of a pipeline like any other. A grid search can try it beside PCA, with
several code sizes, and tell by cross-validation which one serves a classifier best.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

# %%
# One pipeline, two kinds of reduction
# ------------------------------------
# The pipeline standardises the codes before the linear classifier. ``n_refinement_steps=0`` is not
# the default: refined codes reconstruct better, but the codes of the encoder alone are better
# features for a linear classifier, and faster.

pipeline = Pipeline(
    [
        ("reduce", PCA()),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
)
grid = {
    "reduce": [PCA(), AutoencoderTransformer(n_refinement_steps=0, random_state=0)],
    "reduce__n_components": [2, 4, 8, 16, 32],
}
search = GridSearchCV(pipeline, grid, cv=3).fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_)
results["reduction"] = [type(step).__name__ for step in results["param_reduce"]]
table = results.pivot(
    index="param_reduce__n_components", columns="reduction", values="mean_test_score"
)
print(table.round(3))
print(f"best: {search.best_params_}")
print(f"accuracy of new images: {search.score(X_test, y_test):.3f}")

# %%
# How good is the classifier on all 64 pixels?

everything = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
all_pixels = cross_val_score(everything, X_train, y_train, cv=3).mean()
print(f"all pixels: {all_pixels:.3f}")

# %%
# The answer
# ----------
# With two or four numbers the autoencoder is well ahead. From some 16 numbers on, PCA is as good
# and needs no training: take PCA there.

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
colors = {"PCA": "0.5", "AutoencoderTransformer": "tab:blue"}
for name, lines in results.groupby("reduction", sort=False):
    ax.errorbar(
        lines["param_reduce__n_components"],
        lines["mean_test_score"],
        lines["std_test_score"],
        fmt="o-",
        capsize=3,
        color=colors[name],
        label=name,
    )
ax.axhline(all_pixels, color="black", linestyle=":", label="all 64 pixels")
ax.set_xscale("log", base=2)
ax.set_xticks([2, 4, 8, 16, 32], [2, 4, 8, 16, 32])
ax.set(xlabel="numbers per image", ylabel="accuracy, three folds")
ax.legend(frameon=False, loc="lower right")
plt.show()
