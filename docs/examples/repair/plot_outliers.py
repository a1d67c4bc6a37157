"""
Which tumours do not look benign, and why? Outliers with p-values and reasons
=============================================================================

The detector learns what benign tumours look like, from thirty measurements of each. It then judges
tumours that it has never seen. A p-value tells how rare such an odd tumour is among benign ones,
and an explanation names the measurements that make it odd.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderOutlierDetector
from sklearn_ae.plotting import OutlierExplanationDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
benign, new_benign = train_test_split(X[y == 1], test_size=0.4, random_state=0)
malignant = X[y == 0]

# %%
# Fit on benign tumours
# ---------------------
# No tumour of the training is an outlier, and ``contamination=0`` tells the detector so. All other
# parameters are defaults.

detector = AutoencoderOutlierDetector(contamination=0, random_state=0).fit(benign)
scores = np.concatenate([detector.score_samples(rows) for rows in (new_benign, malignant)])
is_malignant = np.repeat([False, True], [len(new_benign), len(malignant)])
print(f"{len(benign)} benign tumours to learn from")
print(f"AUROC of {len(new_benign)} new benign and {len(malignant)} malignant ones: ", end="")
print(f"{roc_auc_score(is_malignant, -scores):.3f}")

# %%
# How sure?
# ---------
# For new benign tumours, p-values below 0.05 turn up in about 5 % of the cases. Among many rows,
# ``false_discovery_rate`` bounds the expected share of false alarms.

p_benign, p_malignant = detector.p_values(new_benign), detector.p_values(malignant)
print(f"p < 0.05: {(p_benign < 0.05).mean():.0%} of the new benign, ", end="")
print(f"{(p_malignant < 0.05).mean():.0%} of the malignant tumours")

# A clinic sees more benign tumours than malignant ones: keep fifty of the latter.
mixture = pd.concat([new_benign, malignant[:50]])
found = detector.predict(mixture, false_discovery_rate=0.1) == -1
print(f"{found.sum()} of {len(found)} tumours are called outliers, ", end="")
print(f"of which benign: {found[: len(new_benign)].sum()}")

# %%
# Why?
# ----
# The explanation of a malignant tumour of middling score, as a table:

middling = malignant.iloc[[np.argsort(detector.score_samples(malignant))[len(malignant) // 2]]]
print(detector.explain(middling, top=5).round(3))

# %%
# The answer
# ----------
# Left: the p-values of new benign tumours are spread over the whole range, as they should be; those
# of most malignant tumours are small. Right: the same tumour, explained.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 3.6), layout="constrained", width_ratios=[1, 1.5]
)
weights = [np.full(len(p), 1 / len(p)) for p in (p_benign, p_malignant)]
left.hist(
    [p_benign, p_malignant],
    bins=np.linspace(0, 1, 11),
    weights=weights,
    color=["0.6", "tab:orange"],
    label=["new benign", "malignant"],
)
left.set(xlabel="p-value", ylabel="share of the tumours")
left.legend(frameon=False)
OutlierExplanationDisplay.from_estimator(detector, middling, ax=right)
plt.show()
