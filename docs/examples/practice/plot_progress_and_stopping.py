"""
Has it trained long enough? Curves, callbacks and stopping
==========================================================

By default, training ends after a number of epochs that depends on the size of the table. Here you
see how the losses and a score change on the way, and whether it pays to stop early.
"""

from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_r2, reconstruction_r2_scorer
from sklearn_ae.plotting import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test = train_test_split(X, random_state=0)

# %%
# A score after each epoch
# ------------------------
# Callbacks of scikit-learn (1.9 or newer) are set by ``set_callbacks``. `ScoringMonitor` notes a
# score after each epoch, here the explained variance of the training rows.
# ``early_stopping=True`` keeps the validation rows apart to the end, so their curve is complete.
# For a progress bar, set ``sklearn.callback.ProgressBar()``; for a printed line, ``verbose=1``.

monitor = ScoringMonitor(scoring=reconstruction_r2_scorer)
options = {"n_components": 8, "early_stopping": True, "random_state": 0}
watched = AutoencoderTransformer(**options).set_callbacks(monitor).fit(X_train)
scores = [row["score"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
print(f"{watched.n_iter_} epochs; explained variance of the training rows: ", end="")
print(f"{scores[0]:.2f} after the first, {scores[-1]:.2f} after the last")

# %%
# Three ways to end
# -----------------
# ``n_iter_no_change=5`` stops after five epochs without an improvement of one per cent (``tol``). A
# learning rate that falls on a plateau suits it: "one_cycle", the default, plans for all epochs and
# makes its last gains at the end.

models = {
    "default": AutoencoderTransformer(8, random_state=0),
    "early_stopping=True": AutoencoderTransformer(**options),
    "stops on a plateau": AutoencoderTransformer(
        **options, n_iter_no_change=5, tol=0.01, learning_rate_schedule="reduce_on_plateau"
    ),
}
for name, model in models.items():
    start = perf_counter()
    model.fit(X_train)
    print(
        f"{name:20} {model.n_iter_:3d} epochs, {perf_counter() - start:.1f} s, "
        f"explained variance of new rows {reconstruction_r2(model, X_test):.3f}"
    )

# %%
# Was there a problem?
# --------------------
# ``diagnose`` looks for the usual ones.

print(models["stops on a plateau"].diagnose())

# %%
# The answer
# ----------
# Most is learned in the first third of the epochs, but the rest still lowers the error of new rows.
# The steps on the left are there because `fit` measures the validation loss about ten times only.
# Stopping on a plateau saves epochs, but no time here: this schedule trains in skorch's loop, which
# is slower, and the validation loss is measured more often. For this table, the default is better.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
epochs = range(1, watched.n_iter_ + 1)
LossCurveDisplay.from_estimator(watched, ax=left)
left.plot(epochs, [1 - s for s in scores], ":", color="black", label="1 - monitored score")
left.set_title("early_stopping=True", loc="left", fontsize="medium")
for name, model in models.items():
    color = {"default": "tab:blue", "early_stopping=True": "0.5"}.get(name, "tab:orange")
    right.plot(range(1, model.n_iter_ + 1), model.loss_curve_, color=color, label=name)
    right.plot(model.n_iter_, model.loss_curve_[-1], "o", color=color)
right.set_title("training loss of the three", loc="left", fontsize="medium")
for ax in (left, right):
    ax.set_yscale("log")
    ax.set_yticks([0.05, 0.1, 0.2, 0.3], [0.05, 0.1, 0.2, 0.3])
    ax.yaxis.set_minor_formatter("")
    ax.set(xlabel="epoch", ylabel="share of the variance that is lost")
left.legend(frameon=False, loc="upper right", bbox_to_anchor=(1, 0.88))
right.legend(frameon=False)
plt.show()
