"""Windows of a synthetic multivariate time series, and anomalies that single values do not tell."""

import numpy as np

SHAPE = (32, 3)  # steps, channels
ANOMALIES = {
    "phase": "phase of its own",
    "frequency": "frequency of its own",
    "level": "level shifted",
    "flat": "flat stretch",
}
_CYCLES = (1.0, 2.0)  # of the first two waves in a window
_NOISE = 0.1
_SHIFT = 0.5
_FLAT_STEPS = 12


def make_windows(n_windows: int, seed: int, *, anomaly: str | None = None) -> np.ndarray:
    """Make windows of three coupled waves."""
    if anomaly not in (None, *ANOMALIES):
        raise ValueError(f"anomaly must be one of {list(ANOMALIES)} or None, got {anomaly!r}.")
    rng = np.random.default_rng(seed)
    n_steps, n_channels = SHAPE
    time = np.arange(n_steps) / n_steps
    cycles = rng.uniform(*_CYCLES, (n_windows, 2, 1))
    start = rng.uniform(0, 1, (n_windows, 2, 1))
    cycles_3, start_3 = cycles.sum(axis=1), start.sum(axis=1)
    if anomaly == "phase":
        start_3 = rng.uniform(0, 1, start_3.shape)
    if anomaly == "frequency":
        cycles_3 = rng.uniform(*_CYCLES, (n_windows, 2, 1)).sum(axis=1)
    phases = np.concatenate(
        [cycles * time + start, (cycles_3 * time + start_3)[:, None]], axis=1
    ).transpose(0, 2, 1)
    windows = np.sin(2 * np.pi * phases)
    row, channel = np.arange(n_windows), rng.integers(n_channels, size=n_windows)
    if anomaly == "level":
        first = rng.integers(n_steps // 4, 3 * n_steps // 4, size=n_windows)
        sign = rng.choice([-1, 1], size=(n_windows, 1))
        windows[row, :, channel] += _SHIFT * sign * (np.arange(n_steps) >= first[:, None])
    if anomaly == "flat":
        first = rng.integers(1, n_steps - _FLAT_STEPS, size=n_windows)
        for step in range(1, _FLAT_STEPS):
            windows[row, first + step, channel] = windows[row, first, channel]
    windows += _NOISE * rng.normal(size=windows.shape)
    return windows.reshape(n_windows, -1).astype(np.float32)
