"""
How much time does a search save if its networks train together?
================================================================

A grid search fits the same small network many times. `BatchedGridSearchCV` trains the fits as one
network with many members, and gives the scores of scikit-learn's `GridSearchCV`.
"""

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.model_selection import BatchedGridSearchCV

X, y = load_breast_cancer(return_X_y=True)

# %%
# Twenty candidates, three folds
# ------------------------------
# The score is minus the squared error of rows that were not trained on. The gain is largest for
# small networks and small batches: both are set here, and not the defaults. The smallest learning
# rates are not done after 30 epochs, and warn of it. The search finds that out by itself, so these
# warnings are filtered.

warnings.simplefilter("ignore", ConvergenceWarning)
pipeline = make_pipeline(
    StandardScaler(),
    AutoencoderTransformer(
        n_components=4, hidden_layer_sizes=(16, 8), batch_size=32, max_iter=30, random_state=0
    ),
)
rates, decays = [0.001, 0.003, 0.01, 0.03, 0.1], [0.0, 0.1, 0.4, 1.0]
grid = {
    "autoencodertransformer__learning_rate": rates,
    "autoencodertransformer__weight_decay": decays,
}
searches = {
    "GridSearchCV": GridSearchCV(pipeline, grid, cv=3),
    "BatchedGridSearchCV": BatchedGridSearchCV(pipeline, grid, cv=3, verbose=1),
    "BatchedGridSearchCV(factor=3)": BatchedGridSearchCV(pipeline, grid, cv=3, factor=3),
}
seconds = {}
for name, search in searches.items():
    start = perf_counter()
    search.fit(X)
    seconds[name] = perf_counter() - start
    best = {key.split("__")[1]: value for key, value in search.best_params_.items()}
    print(f"{name}: {seconds[name]:.1f} s, best {best}, score {search.best_score_:.4f}")

# %%
# The scores are those of scikit-learn's search, up to rounding. ``factor=3`` drops candidates in
# the middle of their training, so the scores of those candidates are not comparable.

scores = [search.cv_results_["mean_test_score"] for search in searches.values()]
print(f"largest difference of a score: {np.abs(scores[0] - scores[1]).max():.1e}")

# %%
# The answer
# ----------
# Left, what the search was for: the error by learning rate and weight decay. Right, what it took,
# on one thread.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 3.4), layout="constrained", width_ratios=[1.1, 1]
)
errors = -scores[1].reshape(len(rates), len(decays))
image = left.imshow(errors, cmap="cividis", aspect="auto")
left.set_xticks(range(len(decays)), decays)
left.set_yticks(range(len(rates)), rates)
left.set(xlabel="weight decay", ylabel="learning rate")
left.spines[:].set_visible(False)
row, column = np.unravel_index(errors.argmin(), errors.shape)
left.text(column, row, "best", ha="center", va="center", color="white")
figure.colorbar(image, ax=left, label="squared error of new rows")

bars = right.barh(list(seconds), list(seconds.values()), color=["0.6", "tab:blue", "tab:blue"])
right.bar_label(bars, fmt=" %.1f s")
right.invert_yaxis()
right.margins(x=0.15)
right.tick_params(left=False)
right.set(xlabel="seconds, with the final fit")
plt.show()
