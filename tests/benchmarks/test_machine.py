import numpy as np

from benchmarks import machine


def test_peak_memory_sees_what_is_freed_again():
    with machine.peak_memory() as growth:
        block = np.ones(2**23)  # 64 MiB
        del block
    assert 50 < growth[0] < 100


def test_describe_names_the_versions():
    description = machine.describe()
    assert {"processor", "cores", "python", "torch", "scikit-learn"} <= set(description)
    assert all(description.values())
