"""
Which bottles carry the wrong label? Numbers and categories together
====================================================================

Each wine has thirteen measurements and a category, its cultivar. Some labels are swapped here. A
wrong label is a perfectly common label, and the measurements of the bottle are common too: only the
combination is odd. So the detector has to see both kinds of columns together.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from sklearn_ae import AutoencoderOutlierDetector

data = load_wine(as_frame=True)
names = data.target_names
wines = data.data.assign(cultivar=names[data.target])
train, test = train_test_split(wines, test_size=0.5, stratify=wines["cultivar"], random_state=0)

# %%
# Swap some labels of the new bottles
# -----------------------------------

rng = np.random.default_rng(0)
is_wrong = rng.random(len(test)) < 0.15
labels = test["cultivar"].to_numpy(copy=True)
labels[is_wrong] = [rng.choice(names[names != label]) for label in labels[is_wrong]]
labelled = test.assign(cultivar=labels)
print(f"{is_wrong.sum()} of {len(test)} bottles have a wrong label")

# %%
# One pipeline for both kinds of columns
# --------------------------------------
# Categories become zeros and ones, and the numbers are scaled to the same range. For such columns
# the cross-entropy is the right loss; this is the only parameter that is not the default. Another
# detector sees the numbers alone, to show that they do not give the wrong labels away.


def make_detector(detector, *, with_labels=True):
    columns = [(MinMaxScaler(clip=True), data.feature_names)]
    if with_labels:
        columns.append((OneHotEncoder(sparse_output=False), ["cultivar"]))
    transformer = make_column_transformer(*columns, verbose_feature_names_out=False)
    return make_pipeline(transformer.set_output(transform="pandas"), detector)


autoencoder = AutoencoderOutlierDetector(loss="binary_cross_entropy", random_state=0)
detectors = {
    "autoencoder": make_detector(autoencoder),
    "autoencoder, numbers alone": make_detector(
        AutoencoderOutlierDetector(random_state=0), with_labels=False
    ),
    "isolation forest": make_detector(IsolationForest(random_state=0)),
}
for name, detector in detectors.items():
    scores = detector.fit(train).score_samples(labelled)
    print(f"{name:28} AUROC {roc_auc_score(is_wrong, -scores):.3f}")

# %%
# Why is the oddest bottle odd?
# -----------------------------
# The explanation names the columns of the label, and tells which label the measurements call for.

pipeline = detectors["autoencoder"]
order = np.argsort(pipeline.score_samples(labelled))
oddest = labelled.iloc[order[:1]]
print("label:", oddest["cultivar"].item(), "- true cultivar:", test["cultivar"].iloc[order[0]])
print(autoencoder.explain(pipeline[:-1].transform(oddest), top=3).round(2))

# %%
# The answer
# ----------
# Whoever checks the bottles in this order finds nearly all wrong labels first.

figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
rank = np.arange(1, len(test) + 1)
abnormality = -pipeline.score_samples(labelled)[order]
for kind, color, marker in [(False, "0.6", "o"), (True, "tab:orange", "D")]:
    chosen = is_wrong[order] == kind
    label = f"{'wrong' if kind else 'right'} label"
    ax.scatter(rank[chosen], abnormality[chosen], c=color, marker=marker, s=28, label=label)
ax.set(xlabel="new bottles, the most abnormal first", ylabel="abnormality (minus the score)")
ax.legend(frameon=False)
plt.show()
