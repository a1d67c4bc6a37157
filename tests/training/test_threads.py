from threading import Event, Thread

import pytest
import torch

from sklearn_ae.nn import ConvolutionalEncoder, Stack
from sklearn_ae.training.threads import count_operations, threads_by_size


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("sizes", "batch_size", "expected"),
    [([20, 16, 4], 32, 1), ([784, 512, 32], 256, 2), ([20, 16, 4], 1_000_000, 2)],
)
def test_small_steps_run_on_one_thread(sizes, batch_size, expected):
    with threads_by_size(count_operations(Stack(sizes), batch_size)):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


def test_never_more_than_there_were():
    torch.set_num_threads(1)
    with threads_by_size(count_operations(Stack([784, 128, 32]), 10_000)):
        assert torch.get_num_threads() == 1


def test_arithmetic_of_convolutions_is_unknown():
    encoder = ConvolutionalEncoder((1, 8, 8), (4,), 3, 2, 2, torch.nn.ReLU)
    with threads_by_size(count_operations(encoder, 1)):
        assert torch.get_num_threads() == 2


def test_put_back_after_an_error():
    def fail():
        with threads_by_size(count_operations(Stack([2, 1]), 1)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert torch.get_num_threads() == 2


def test_fits_in_several_threads_leave_the_number_as_it_was():
    few = count_operations(Stack([2, 1]), 1)
    second_began, first_ended = Event(), Event()

    def second():
        with threads_by_size(few):
            second_began.set()
            assert first_ended.wait(10)
        found.append(torch.get_num_threads())

    found = []
    thread = Thread(target=second)
    with threads_by_size(few):
        thread.start()
        assert second_began.wait(10)
    first_ended.set()
    thread.join()
    assert torch.get_num_threads() == 2
    assert found == [2]


@pytest.mark.parametrize(("n_operations", "expected"), [(3.9e8, 1), (4.1e8, 2)])
def test_two_hundred_million_operations_a_thread(n_operations, expected):
    with threads_by_size(n_operations):
        assert torch.get_num_threads() == expected


def test_operations_of_a_step():
    # A product forward and two backward, each a multiplication and an addition.
    assert count_operations(Stack([10, 4]), 8) == 6 * 8 * (10 * 4 + 4)
