"""
Does training from disk cost accuracy? Rows that memory cannot hold
===================================================================

`fit` takes an array on disk as it takes an array in memory, and reads it a block at a time.
scikit-learn's ``working_memory`` bounds what it holds at once. Here the bound is far below the size
of the file, so that a small file behaves like a large one.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn import config_context
from sklearn.decomposition import PCA

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.metrics import reconstruction_r2

# %%
# A file of curved rows
# ---------------------
# Forty columns, bent functions of three hidden numbers, and some noise. The rows are sorted by the
# first hidden number, as a log is sorted by time: the worst case for reading in order.

rng = np.random.default_rng(0)
mixing, bending = rng.normal(size=(3, 40)), rng.normal(scale=2, size=40)


def make_rows(hidden):
    rows = np.sin(hidden @ mixing + bending)
    return (rows + rng.normal(scale=0.05, size=rows.shape)).astype(np.float32)


n_rows = 200_000
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "rows.f32"
hidden = rng.uniform(-1, 1, (n_rows, 3))
make_rows(hidden[np.argsort(hidden[:, 0])]).tofile(path)
X_test = make_rows(rng.uniform(-1, 1, (2000, 3)))
print(f"the file has {path.stat().st_size / 2**20:.0f} MiB")

# %%
# From memory and from disk
# -------------------------
# The network is small and trains for three epochs, to keep the example short. The memory is that of
# NumPy's arrays at their peak, beside the array that was passed.

on_disk = np.memmap(path, "float32", "r", shape=(n_rows, 40))
in_memory = np.array(on_disk)
results = {"PCA": (reconstruction_r2(PCA(3).fit(in_memory), X_test), None)}
for name, rows, allowance in [("from memory", in_memory, 1024), ("from disk", on_disk, 8)]:
    autoencoder = AutoencoderTransformer(3, hidden_layer_sizes=(64, 32), max_iter=3, random_state=0)
    tracemalloc.start()
    with config_context(working_memory=allowance):
        autoencoder.fit(rows)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    results[name] = (reconstruction_r2(autoencoder, X_test), peak)
    print(f"{name}: {results[name][0]:.4f} explained, {peak:.0f} MiB of {allowance} MiB")

# %%
# Codes can go to disk as well, block by block, with ``out``:

codes = np.memmap(Path(folder.name) / "codes.f32", "float32", "w+", shape=(n_rows, 3))
with config_context(working_memory=8):
    autoencoder.transform(on_disk, out=codes)
print(f"codes of all rows on disk: {codes.shape}")

# %%
# The answer
# ----------
# No: the errors are nearly the same, and only a part of the file was in memory at any time.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
colors = ["0.6", "tab:blue", "tab:orange"]
lost = [1 - explained for explained, _ in results.values()]
bars = left.barh(list(results), lost, color=colors)
left.bar_label(bars, fmt=" %.3f")
left.set(xlabel="share of the variance of new rows that is lost")
sizes = {"the file": path.stat().st_size / 2**20}
sizes |= {f"arrays, {name}": peak for name, (_, peak) in results.items() if peak is not None}
bars = right.barh(list(sizes), list(sizes.values()), color=colors)
right.bar_label(bars, fmt=" %.0f MiB")
right.set(xlabel="memory at the peak, in MiB")
for ax in (left, right):
    ax.invert_yaxis()
    ax.margins(x=0.15)
    ax.tick_params(left=False)
plt.show()

del on_disk, codes  # so that the folder can be removed
folder.cleanup()
