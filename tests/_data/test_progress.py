import io
from contextlib import suppress

import pytest
import torch

from sklearn_ae._data.progress import SECONDS, Progress, duration


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return Clock()


def use_terminal(monkeypatch, columns="120"):
    terminal = Terminal()
    # In the test itself: pytest sets its own before.
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", columns)
    return terminal


def train(progress, clock, *, n_epochs=4, seconds=1.0):
    """Train on 100 rows in two batches an epoch."""
    with progress.begin("training", 100, n_epochs):
        for number in range(1, n_epochs + 1):
            progress.begin_epoch(number)
            for i in (1, 2):
                clock.now += seconds / 2
                progress.step(50, torch.tensor(25.0 * i))
            progress.end_epoch(1 / number, 2 / number)


def test_quiet(capsys, clock):
    progress = Progress(is_shown=False, clock=clock)
    train(progress, clock)
    progress.note("Something.")
    assert capsys.readouterr().out == ""


def test_short_phase_is_a_line_in_a_file(capsys, clock):
    train(Progress(is_shown=True, clock=clock), clock)
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == [
        *("phase", "epoch", "done", "train_loss", "valid_loss", "rows/s", "time")
    ]
    assert line.split() == ["training", "4/4", "100%", "0.25", "0.5", "100", "4.0", "s"]
    assert len(header) < 80
    assert len(line) < 80


def test_lines_in_a_file_are_seconds_apart(capsys, clock):
    train(Progress(is_shown=True, clock=clock), clock, n_epochs=10, seconds=2.0)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) <= 20 / SECONDS + 1
    assert not {"\r", "\x1b"} & set("".join(lines))
    # After 5 of 20 s, in the middle of an epoch, with its loss so far.
    assert lines[0].split() == ["training", "3/10", "25%", "0.5", "1", "50", "15", "s", "left"]
    assert lines[-1].split()[1:3] == ["10/10", "100%"]


def test_line_on_a_terminal_is_rewritten(clock, monkeypatch):
    terminal = use_terminal(monkeypatch)
    progress = Progress(is_shown=True, clock=clock)
    train(progress, clock)
    train(progress, clock)
    _, *phases = terminal.getvalue().rstrip("\n").split("\n")
    assert len(phases) == 2
    states = phases[1].split("\r")
    assert states[0] == ""
    assert states[1].split()[1:3] == ["0/4", "0%"]
    assert states[2].split()[1:3] == ["1/4", "12%"]
    assert states[2].endswith("3.5 s left")
    assert states[-1].endswith("4.0 s     ")  # over the former line, which was longer


def test_line_is_no_wider_than_the_terminal(clock, monkeypatch):
    terminal = use_terminal(monkeypatch, "40")
    train(Progress(is_shown=True, clock=clock), clock)
    lines = terminal.getvalue().replace("\n", "\r").split("\r")[2:]
    assert max(map(len, lines)) == 39


def test_line_is_ended_by_an_error(clock, monkeypatch):
    terminal = use_terminal(monkeypatch)
    progress = Progress(is_shown=True, clock=clock)
    with suppress(KeyboardInterrupt), progress.begin("training", 100, 4):
        raise KeyboardInterrupt
    assert terminal.getvalue().endswith("\n")


def test_one_header_for_all_phases(capsys, clock):
    progress = Progress(is_shown=True, clock=clock)
    train(progress, clock)
    with progress.begin("scores"):
        clock.now += 2
    progress.note("Something.")
    header, training, scores, note = capsys.readouterr().out.splitlines()
    assert scores.split() == ["scores", "2.0", "s"]
    assert scores.index("2.0") == training.index("4.0") == header.index("time")
    assert note == "Something."


def test_no_header(capsys, clock):
    train(Progress(is_shown=True, has_header=False, clock=clock), clock)
    assert capsys.readouterr().out.startswith("training")


def test_speed_is_that_of_the_epochs_since_a_resumption(capsys, clock):
    progress = Progress(is_shown=True, clock=clock)
    with progress.begin("training", 100, 10):
        progress.begin_epoch(9)
        clock.now += 8
        progress.step(50)
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["training", "9/10", "85%", "6", "24", "s", "left"]


def test_epochs_of_a_stream_of_calls(capsys, clock):
    progress = Progress(is_shown=True, clock=clock)
    with progress.begin("training", 100, 1, n_before=6):
        progress.begin_epoch(1)
        clock.now += 1
        progress.end_epoch(0.5, None)
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["training", "7", "100%"]


def test_number_of_rows_that_is_not_known(capsys, clock):
    progress = Progress(is_shown=True, clock=clock)
    with progress.begin("statistics"):
        clock.now += 20
        progress.step(1000)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == lines[2].split() == ["statistics", "50", "20", "s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (0.44, "0.4 s"), (12.3, "12 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
