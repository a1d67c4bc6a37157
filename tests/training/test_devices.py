import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_ae.training import check_device, compute_dtype, devices


def test_auto_takes_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert check_device("auto").type == expected


def test_device_is_given_as_it_is():
    assert check_device("cpu") == check_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:999", torch.device("cuda:999")])
def test_missing_device(device):
    with pytest.raises(ValueError, match=r"can not be used here.*Expected 'auto', 'cpu', 'cuda'"):
        check_device(device)


@pytest.mark.parametrize(
    ("precision", "dtype", "expected"),
    [
        (None, "float32", torch.float32),
        (None, "float64", torch.float64),
        ("float32", "float64", torch.float32),
        ("float64", "float32", torch.float64),
        ("bfloat16", "float64", torch.float32),
    ],
)
def test_compute_dtype(precision, dtype, expected):
    assert compute_dtype(precision, np.dtype(dtype)) == expected


def test_only_gpus_keep_rows():
    assert not devices.fits_on_device(np.ones((2, 2)), torch.device("cpu"))


def test_rows_that_a_gpu_has_memory_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    cuda = torch.device("cuda")
    assert devices.fits_on_device(np.ones(30), cuda)
    assert not devices.fits_on_device(np.ones(100), cuda)
    assert not devices.fits_on_device(sparse.csr_array(np.ones((2, 2))), cuda)
