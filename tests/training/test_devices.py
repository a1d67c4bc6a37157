import math

import numpy as np
import pytest
import torch
from scipy import sparse

from sklearn_ae import AutoencoderTransformer
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


@pytest.mark.parametrize(
    ("n_operations", "speed_up", "pays"), [(1e10, 3, True), (1e10, 0.5, False), (1e6, 3, False)]
)
def test_bfloat16_where_it_pays(n_operations, speed_up, pays, monkeypatch):
    monkeypatch.setattr(devices, "_speed_up", lambda device: speed_up)
    assert devices.pays_in_bfloat16(n_operations, torch.device("cpu")) == pays
    assert not devices.pays_in_bfloat16(math.nan, torch.device("cpu"))


def test_speed_up_is_measured_once():
    cpu = torch.device("cpu")
    assert devices._speed_up(cpu) > 0
    assert devices._speed_up(cpu) == devices._speed_up(torch.device("cpu"))


@pytest.mark.parametrize("pays", [True, False])
def test_automatic_precision(pays, digits, monkeypatch):
    monkeypatch.setattr("sklearn_ae.training.net.pays_in_bfloat16", lambda *_: pays)
    parameters = {"n_components": 2, "max_iter": 2, "random_state": 0}
    fits = {
        precision: AutoencoderTransformer(precision=precision, **parameters).fit(digits)
        for precision in ("auto", "bfloat16", "float32")
    }
    codes = {precision: fitted.transform(digits) for precision, fitted in fits.items()}
    assert codes["auto"].dtype == np.float32
    same = {precision: np.array_equal(codes["auto"], codes[precision]) for precision in codes}
    assert same == {"auto": True, "bfloat16": pays, "float32": not pays}


def test_only_gpus_keep_rows():
    assert not devices.fits_on_device(np.ones((2, 2)), torch.device("cpu"))


def test_rows_that_a_gpu_has_memory_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    cuda = torch.device("cuda")
    assert devices.fits_on_device(np.ones(30), cuda)
    assert not devices.fits_on_device(np.ones(100), cuda)
    assert not devices.fits_on_device(sparse.csr_array(np.ones((2, 2))), cuda)


def test_speed_up_is_the_time_of_float32_over_that_of_bfloat16(monkeypatch):
    products, seconds = [], {torch.float32: 3.0, torch.bfloat16: 1.0}
    ones = torch.ones

    def remember(*shape, dtype, device):
        products.append(dtype)
        return ones(2, 2, dtype=dtype, device=device)

    def clock():
        times[0] += seconds[products[-1]] / 2
        return times[0]

    times = [0.0]
    monkeypatch.setattr(devices.torch, "ones", remember)
    monkeypatch.setattr(devices, "perf_counter", clock)
    assert devices._speed_up.__wrapped__(torch.device("cpu")) == pytest.approx(3)
