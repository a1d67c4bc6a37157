"""
When did the machine go wrong? Windows of a time series
=======================================================

Two sensors of a machine move together, with a delay. In a fault, each sensor still looks normal by
itself: only their relation is off. The detector sees windows of both sensors as rows, and learns
the relation.
"""

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sklearn_ae import AutoencoderOutlierDetector

rng = np.random.default_rng(0)


def make_machine(n_steps, faults=()):
    """Make two sensors: a wave of changing speed, and a delayed, bent copy of it."""
    speed = 0.25 + 0.1 * np.sin(np.arange(n_steps) / 60 + rng.uniform(0, 6))
    phase = np.cumsum(speed)
    delay = np.full(n_steps, 1.0)
    for start, stop in faults:
        delay[start:stop] = 2.0
    sensors = np.column_stack([np.sin(phase), np.sin(phase - delay) ** 3])
    return sensors + rng.normal(scale=0.08, size=sensors.shape)


# %%
# Windows are rows
# ----------------
# Each row holds 24 steps of both sensors. The training series has no fault.

width = 24
faults = [(500, 560), (1100, 1130)]


def windows(sensors):
    return sliding_window_view(sensors, width, axis=0).reshape(-1, width * sensors.shape[1])


train, test = make_machine(3000), make_machine(1600, faults)
detector = AutoencoderOutlierDetector(contamination=0, random_state=0).fit(windows(train))

# %%
# The score of a step
# -------------------
# A step belongs to the window that ends there. The threshold comes from a further series without a
# fault: at most one window in a thousand should be a false alarm.

detector.set_threshold(windows(make_machine(3000)), false_positive_rate=0.001)
abnormality = -detector.score_samples(windows(test))
steps = np.arange(width - 1, len(test))
alarm = abnormality > -detector.offset_
touches_fault = np.zeros(len(test), bool)
for start, stop in faults:
    touches_fault[start : stop + width] = True
    first = steps[alarm & (steps >= start)][0]
    print(f"fault from step {start} to {stop}: first alarm at step {first}")
print(f"alarms far from a fault: {(alarm & ~touches_fault[steps]).sum()} of {len(alarm)} windows")

# %%
# Do single values tell, too?
# ---------------------------
# The largest deviation from the mean within a window, in standard deviations, does not see a fault.

z = np.abs((windows(test) - train.mean()) / train.std()).max(axis=1)
normal = ~touches_fault[steps]
print(f"largest deviation, normal windows: up to {z[normal].max():.2f}")
print(f"largest deviation, windows with a fault: up to {z[~normal].max():.2f}")

# %%
# The answer
# ----------
# The score rises as soon as a window reaches into a fault, and falls when it has left it.

figure, (top, bottom) = plt.subplots(
    2, 1, figsize=(9, 4.6), layout="constrained", sharex=True, height_ratios=[1, 1.1]
)
for sensor, (name, color) in enumerate([("sensor 1", "tab:blue"), ("sensor 2", "0.4")]):
    top.plot(test[:, sensor] - 2.6 * sensor, linewidth=0.7, color=color)
    top.text(-15, -2.6 * sensor, name, ha="right", va="center", color=color)
top.set(yticks=[], xlim=(0, len(test)))
top.spines["left"].set_visible(False)
bottom.plot(steps, abnormality, color="black", linewidth=0.9)
bottom.axhline(-detector.offset_, color="0.4", linestyle=":")
bottom.text(len(test), -detector.offset_, " threshold", va="center", color="0.4")
bottom.set(xlabel="step", ylabel="abnormality of the window\nthat ends there")
for ax in (top, bottom):
    for number, (start, stop) in enumerate(faults):
        label = "fault" if ax is bottom and number == 0 else None
        ax.axvspan(start, stop, color="tab:orange", alpha=0.35, linewidth=0, label=label)
bottom.legend(frameon=False, loc="upper left")
plt.show()
