"""A GPU for tests on machines without one: its tensors have shapes, types and a device, no numbers.

PyTorch's `FakeTensorMode` stands behind it. It raises an error if an operation gets tensors of two
devices. Tensors on the CPU stay real.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import NamedTuple
from unittest import mock

import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.utils._pytree import tree_leaves

import sklearn_ae

GPU = torch.device("cuda", 0)
_PACKAGE = sklearn_ae.__path__[0]
# Without CUDA, PyTorch's C++ code can neither index tensors on a GPU nor run autograd on them. It
# is told this device.
_TOLD = torch.device("meta")
_MEMORY = 2**30
# Truth values that are read in these functions, in turns; True in all others.
_ANSWERS = {"refine_codes": (True, False), "CodeBasis.arrange": (True, False)}
_aten = torch.ops.aten


class Wait(NamedTuple):
    """A moment at which the program waits for the GPU.

    Attributes
    ----------
    kind : {"read", "send", "shape"}
        What it waits for: numbers that go to the CPU, numbers that come from there, or a shape
        that depends on numbers.
    stack : tuple of str
        Functions of the package that are running, the innermost first.
    """

    kind: str
    stack: tuple[str, ...]


@contextmanager
def fake_gpu(memory: int = _MEMORY) -> Iterator[list[Wait]]:
    """Give a fake GPU with some bytes of free memory, and the list of all waits for it."""
    mode = _FakeGPU()

    class Generator(torch.Generator):
        """There is no generator of a GPU without CUDA: one of the CPU takes its place."""

        def __new__(cls, device="cpu"):
            return super().__new__(cls)

        def __init__(self, device="cpu"):
            self.is_of_gpu = torch.device(device) == GPU

        def manual_seed(self, seed):
            if self.is_of_gpu:
                mode.seeds.add(seed)
            return super().manual_seed(seed)

    with (
        mock.patch("torch.Generator", Generator),
        mock.patch("torch.cuda.mem_get_info", return_value=(memory, memory)),
        # A module that is moved to the GPU a second time is there.
        mock.patch("torch.utils.swap_tensors"),
        # Its own would read each number by itself.
        mock.patch.object(FakeTensor, "tolist", lambda x: x.cpu().tolist()),
        mode,
    ):
        yield mode.waits


class _FakeGPU(FakeTensorMode):
    def __init__(self):
        super().__init__(allow_non_fake_inputs=True)
        self.waits: list[Wait] = []
        self.seeds: set[int] = set()  # of generators of the GPU
        self._answers = {name: cycle(answers) for name, answers in _ANSWERS.items()}

    def __deepcopy__(self, memo):
        return self  # tensors refer to it

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("device") == _TOLD:
            kwargs["device"] = GPU
        leaves = tree_leaves((args, kwargs))
        of_gpu = [each for each in leaves if isinstance(each, FakeTensor)]
        devices = [each for each in leaves if isinstance(each, torch.device)]
        if not of_gpu and GPU not in devices:
            return func(*args, **kwargs)
        if func is torch.ops.prim.device.default:
            return _TOLD
        if func._can_decompose():  # without autograd, PyTorch leaves it to the mode
            with self:
                return func.decompose(*args, **kwargs)
        for each in leaves:
            if isinstance(each, torch._C.Generator) and each.initial_seed() not in self.seeds:
                raise RuntimeError(f"{func} got a generator of the CPU for a tensor on the GPU.")
        if func is _aten._to_copy.default:
            if not of_gpu:
                self._wait("send")
            elif kwargs.get("device") == torch.device("cpu"):
                self._wait("read")
                return self._numbers(args[0].shape, kwargs.get("dtype") or args[0].dtype)
        if func is _aten.copy_.default and len(of_gpu) < 2:
            self._wait("send" if isinstance(args[0], FakeTensor) else "read")
            return args[0]
        if func.name().startswith("aten::_fused_") and not func._schema.returns:
            # The step of an optimizer. Not all of them can be done with fake tensors.
            if any(
                isinstance(each, torch.Tensor) and not isinstance(each, FakeTensor)
                for each in leaves
            ):
                raise RuntimeError(f"{func} got tensors of two devices.")
            return None
        try:
            return super().__torch_dispatch__(func, types, args, kwargs)
        except DataDependentOutputException:
            if func is not _aten._local_scalar_dense.default:
                raise
            self._wait("read")
            return self._numbers((), args[0].dtype).item()
        except DynamicOutputShapeException:
            if func is not _aten.nonzero.default:
                raise
            self._wait("shape")
            shape = (-(-args[0].numel() // 2), args[0].dim())
            return super().__torch_dispatch__(
                _aten.new_zeros.default, types, (args[0], shape), {"dtype": torch.int64}
            )

    def _wait(self, kind):
        frame, stack = sys._getframe(2), []
        while frame is not None:
            if frame.f_code.co_filename.startswith(_PACKAGE):
                stack.append(frame.f_code.co_qualname)
            frame = frame.f_back
        self.waits.append(Wait(kind, tuple(stack)))

    def _numbers(self, shape, dtype):
        """Make numbers up: those of a later read are smaller, like losses."""
        if dtype == torch.bool:
            innermost = next(iter(self.waits[-1].stack), None)
            return torch.full(shape, next(self._answers.get(innermost, iter([True]))))
        if not dtype.is_floating_point:
            return torch.zeros(shape, dtype=dtype)
        size = torch.Size(shape).numel()
        return (torch.linspace(1, 2, max(1, size)) / len(self.waits)).to(dtype)[:size].view(shape)
