import numpy as np
import pytest

from benchmarks import data as module
from benchmarks.data import BenchmarkError, load


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 3)), np.repeat(["a", "b"], 20)


def test_digits():
    data = load("digits")
    assert data.X_train.shape == (1347, 64)
    assert data.X_test.shape == (450, 64)
    assert data.image_shape == (8, 8)
    assert (data.X_train.min(), data.X_train.max()) == (0, 1)
    assert data.X_train.dtype == np.float32


@pytest.mark.parametrize("with_labels", [True, False])
@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_files(tmp_path, arrays, suffix, with_labels):
    X, y = arrays
    path = tmp_path / f"own.{suffix}"
    if suffix == "npz":
        np.savez(path, X=X, **({"y": y} if with_labels else {}))
    else:
        rows = [["u", "v", "w", *(["Label"] if with_labels else [])]]
        rows += [[*x, *([label] if with_labels else [])] for x, label in zip(X, y, strict=True)]
        path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    data = load(str(path))
    assert data.X_train.shape == (30, 3)
    assert data.X_train.min() == pytest.approx(0, abs=1e-6)
    assert data.X_train.max() == pytest.approx(1)
    if with_labels:
        assert sorted(set(data.y_test)) == ["a", "b"]
    else:
        assert data.y_train is None


def test_split_depends_on_the_seed_alone(tmp_path, arrays):
    path = tmp_path / "own.npz"
    np.savez(path, X=arrays[0], y=arrays[1])
    np.testing.assert_array_equal(load(str(path), 1).X_test, load(str(path), 1).X_test)
    assert not np.array_equal(load(str(path), 1).X_test, load(str(path), 2).X_test)


def test_mnist_in_a_folder(tmp_path, monkeypatch):
    images = np.arange(2 * 784, dtype=np.uint8).reshape(2, 784)
    np.savez(tmp_path / "mnist.npz", x_train=images, x_test=images, y_train=[0, 1], y_test=[1, 0])
    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    data = load("mnist")
    np.testing.assert_allclose(data.X_train * 255, images, rtol=1e-6)
    assert data.image_shape == (28, 28)
    assert list(data.y_test) == [1, 0]


def test_mnist_out_of_reach(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setenv("SKLEARN_AE_DATA", str(tmp_path))
    monkeypatch.setattr(module, "fetch_openml", offline)
    with pytest.raises(BenchmarkError, match="set SKLEARN_AE_DATA to a folder"):
        load("mnist")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npz", None, "There is no data set"),
        ("own.txt", "", "neither a .npz nor a .csv"),
        ("own.csv", "a,b\n1,x\n2,y\n", "could not be read"),
        ("own.csv", "y,label\n1,2\n3,4\n", "more than one of its columns"),
        ("own.csv", "a,b\n", "fewer than two rows"),
        ("own.csv", "a,y\n" + "".join(f"{i},{i}\n" for i in range(9)), "fewer than 8 rows"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(BenchmarkError, match=message):
        load(str(tmp_path / name))


def test_archive_without_the_array(tmp_path):
    np.savez(tmp_path / "own.npz", Z=np.zeros(3))
    with pytest.raises(BenchmarkError, match="could not be read"):
        load(str(tmp_path / "own.npz"))
