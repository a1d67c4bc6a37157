"""
What does a saved model lose? Saving, loading and ONNX
======================================================

``save`` writes a fitted estimator to a file that holds no code, and `load` gives it back with the
same bits. `to_onnx` exports one method for programs without Python and PyTorch; there the results
agree up to rounding.
"""

import tempfile
from pathlib import Path
from timeit import repeat

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer, load, to_onnx

X = load_digits().data.astype(np.float32)
X_train, X_test = train_test_split(X, random_state=0)

# %%
# ``n_refinement_steps=0`` is not the default. Each refinement step makes the exported graph longer,
# and milliseconds count where a model is served.

autoencoder = AutoencoderTransformer(n_components=8, n_refinement_steps=0, random_state=0)
autoencoder.fit(X_train)
codes = autoencoder.transform(X_test)

# %%
# Save, load, compare
# -------------------

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "digits.safetensors"
    autoencoder.save(path)
    loaded = load(path)
    print(f"file: {path.stat().st_size / 1024:.0f} KiB")
print(f"the loaded model gives the same bits: {np.array_equal(loaded.transform(X_test), codes)}")

# %%
# Export to ONNX, compare
# -----------------------
# The graph takes any number of rows.

model = to_onnx(autoencoder, "transform")
print(f"graph: {len(model.graph.node)} nodes, {len(model.SerializeToString()) / 1024:.0f} KiB")
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model.SerializeToString(), options)
(onnx_codes,) = session.run(None, {"X": X_test})
difference = np.abs(onnx_codes - codes).max() / np.abs(codes).max()
print(f"largest difference: {difference:.0e} of the largest code")

# %%
# How long does a call take?
# --------------------------

calls = {
    "transform": autoencoder.transform,
    "onnxruntime": lambda rows: session.run(None, {"X": rows}),
}
seconds = {}
for n_rows in (1, len(X_test)):
    for name, call in calls.items():
        times = repeat(lambda call=call, n=n_rows: call(X_test[:n]), number=20, repeat=5)
        seconds[name, n_rows] = min(times) / 20
        print(f"{name:12} {n_rows:4d} rows: {1e3 * seconds[name, n_rows]:.3f} ms")

# %%
# The answer
# ----------
# Saving loses nothing: the codes are the same bits. Exported codes lie on the diagonal. A call of
# the graph is faster, most of all for a single row; it does not check its input.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
left.plot(codes.ravel(), onnx_codes.ravel(), ".", markersize=3, color="tab:blue")
left.axline((0, 0), slope=1, color="0.4", linewidth=0.8, zorder=0)
left.set(xlabel="code of the estimator", ylabel="code of the ONNX graph", aspect="equal")
width = 0.38
for shift, name, color in [(0, "transform", "0.6"), (width, "onnxruntime", "tab:blue")]:
    values = [1e3 * seconds[name, n] for n in (1, len(X_test))]
    bars = right.bar(np.arange(2) + shift, values, width * 0.95, color=color, label=name)
    right.bar_label(bars, fmt="%.2f")
right.set_xticks(np.arange(2) + width / 2, ["1 row", f"{len(X_test)} rows"])
right.set(ylabel="milliseconds per call")
right.legend(frameon=False)
plt.show()
