import os
import stat

import pytest
import torch
from safetensors.torch import load_file, save_file

from sklearn_ae._persistence import container
from sklearn_ae._persistence.container import read, write

TENSORS = {
    "weights": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "nothing": torch.zeros(0, 3),
    "number": torch.tensor(1.5, dtype=torch.float64),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "flags": torch.tensor([True, False]),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_round_trip(path):
    write(path, "a text, ä and \N{SNOWMAN}", TENSORS)
    text, tensors = read(path)
    assert text == "a text, ä and \N{SNOWMAN}"
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_others_can_read_the_tensors(path):
    write(path, "", TENSORS)
    assert torch.equal(load_file(path)["weights"], TENSORS["weights"])


def test_the_file_may_change_after_reading(path):
    write(path, "", TENSORS)
    _, tensors = read(path)
    path.write_bytes(b"")
    assert torch.equal(tensors["weights"], TENSORS["weights"])


def test_every_flipped_byte_is_noticed(path):
    write(path, "some text", {"weights": torch.randn(4, 3)})
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        with pytest.raises(ValueError, match=r"not a file that|damaged|newer version"):
            read(path)


@pytest.mark.parametrize("length", [0, 4, 8, 100, -1])
def test_truncated(path, length):
    write(path, "", TENSORS)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="damaged"):
        read(path)


def test_of_others(path):
    save_file(dict(TENSORS), path)
    with pytest.raises(ValueError, match="not a file that `save` of sklearn_ae wrote"):
        read(path)


def test_of_a_newer_version(path, monkeypatch):
    monkeypatch.setattr(container, "FORMAT", container.FORMAT + 1)
    write(path, "", TENSORS)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"format 2, of a newer version .*: update sklearn_ae"):
        read(path)


def test_no_file(path):
    with pytest.raises(FileNotFoundError):
        read(path)
    with pytest.raises(IsADirectoryError):
        read(path.parent)


def test_a_failure_leaves_the_old_file(path, monkeypatch):
    write(path, "old", TENSORS)

    def fail(tensors, name, metadata):
        with open(name, "wb") as file:
            file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(container, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        write(path, "new", TENSORS)
    assert read(path)[0] == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_and_links(path):
    other = path.with_name("other")
    other.write_text("")
    write(path, "", TENSORS)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)
    link = path.with_name("link")
    link.symlink_to(path)
    write(link, "by the link", TENSORS)
    assert link.is_symlink()
    assert read(path)[0] == "by the link"
    path.chmod(0o600)
    write(path, "", TENSORS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
