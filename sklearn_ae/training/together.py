"""Train many plain networks of one shape at once: their courses are carried out in step."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from sklearn_ae.training.engine import Compute, Course, Epoch, Evaluate, Step, Total
from sklearn_ae.training.members import Members, Validation


class Run:
    """A training among others.

    Parameters
    ----------
    course : Course
        What `plan_course` gives.
    weights : list of Tensor
        The list that the course was given. It is filled with the weights of this run.
    on_epoch : callable
        Is given each epoch.
    """

    def __init__(
        self, course: Course, weights: list[Tensor], on_epoch: Callable[[Epoch], None]
    ) -> None:
        self.course, self.weights, self.on_epoch = course, weights, on_epoch
        self.n_epochs = 0
        self.request: Any = None

    def go_on(self, answer: Any) -> bool:
        """Send the answer to the last request, and tell whether there is another."""
        try:
            self.request = self.course.send(answer)
            while isinstance(self.request, Epoch):
                self.n_epochs = self.request.number
                self.on_epoch(self.request)
                self.request = self.course.send(None)
        except StopIteration:
            return False
        return True


class Together:
    """Carries out the courses of several runs in step.

    Parameters
    ----------
    runs : sequence of Run
        The runs.
    members : Members
        A member for each run.
    """

    def __init__(self, runs: Sequence[Run], members: Members) -> None:
        self._runs: list[Run] = []
        self._stack = _Stack()
        self._take(list(runs), members)
        self._totals = members.weights(0)[0].new_zeros(len(runs))
        self._answers: dict[Run, Any] = dict.fromkeys(runs)

    @torch.no_grad()
    def carry_on(self, n_epochs: float) -> None:
        """Go on until each run has made so many epochs, or has ended."""
        while self._runs and min(run.n_epochs for run in self._runs) < n_epochs:
            answers, self._answers = self._answers, {}
            self._end([run for run, answer in answers.items() if not run.go_on(answer)])
            waiting = [run for run in self._runs if not isinstance(run.request, Step)]
            if waiting:  # the others wait for their next common step
                self._answer(waiting)
            elif self._runs:
                self._step()

    def goes_on(self, run: Run) -> bool:
        """Tell whether a run has not ended."""
        return run in self._runs

    def drop(self, runs: Sequence[Run]) -> None:
        """End some runs."""
        for run in runs:
            run.course.close()
        self._end([run for run in self._runs if run in runs])

    def _end(self, runs: list[Run]) -> None:
        if not runs:
            return
        places = [i for i, run in enumerate(self._runs) if run not in runs]
        kept = [self._runs[i] for i in places]
        self._answers = {run: each for run, each in self._answers.items() if run in kept}
        if kept:
            self._totals = self._totals[places]
            self._stack = _Stack()
            self._take(kept, self._members.keep(places))
        self._runs = kept

    def _take(self, runs: list[Run], members: Members) -> None:
        self._runs, self._members = runs, members
        for i, run in enumerate(runs):
            run.weights[:] = members.weights(i)

    def _step(self) -> None:
        steps: list[Step] = [run.request for run in self._runs]
        x, weight, n_rows = self._stack.fill(steps)
        rates = [step.learning_rate for step in steps]
        self._totals += self._members.step(x, weight, rates) * n_rows
        self._answers = dict.fromkeys(self._runs)

    def _answer(self, waiting: list[Run]) -> None:
        requests = [run.request for run in waiting]
        if len(waiting) == len(self._runs) and all(isinstance(r, Evaluate) for r in requests):
            validations = [request.validation for request in requests]
            self._answers = dict(zip(waiting, _evaluate(self._members, validations), strict=True))
            return
        totals = self._totals.tolist()
        for run, request in zip(waiting, requests, strict=True):
            i = self._runs.index(run)
            if isinstance(request, Evaluate):
                self._answers[run] = request.validation.errors(self._members.network_of(i))
            elif isinstance(request, Compute):
                self._answers[run] = request.function(self._members.network_of(i))
            else:
                assert isinstance(request, Total), "courses ask for nothing else"
                self._answers[run] = totals[i]
                self._totals[i] = 0


class _Stack:
    """Stacks batches in the same memory each time."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._tensors: tuple[Tensor, Tensor, Tensor] | None = None

    def fill(self, steps: list[Step]) -> tuple[Tensor, Tensor, Tensor]:
        """Give the rows, their weights divided by the numbers of rows, and these numbers.

        Smaller batches are filled up by rows of weight zero.
        """
        sizes = [step.n_rows for step in steps]
        first = steps[0].x
        if self._tensors is None or max(sizes) > self._tensors[0].shape[1]:
            shape = len(steps), max(sizes)
            x = first.new_zeros(*shape, first.shape[1])
            self._tensors = x, first.new_zeros(*shape, 1), first.new_zeros(len(steps))
            self._sizes = []
        x, weight, n_rows = self._tensors
        if min(sizes) == x.shape[1]:
            torch.stack([step.x for step in steps], out=x)
        else:
            for each, step, size in zip(x, steps, sizes, strict=True):
                each[:size] = step.x
        if sizes != self._sizes or steps[0].weight is not None:
            weight.zero_()
            for each, step, size in zip(weight, steps, sizes, strict=True):
                each[:size] = (1.0 if step.weight is None else step.weight.view(-1, 1)) / size
            n_rows.copy_(torch.tensor(sizes))
            self._sizes = sizes
        return self._tensors


def _evaluate(members: Members, validations: list[Validation]) -> list[Tensor]:
    """Compute the errors of the validation rows of each member."""
    sizes = [len(each.x) for each in validations]
    x = pad_sequence([each.x for each in validations], batch_first=True)
    if len(members) == 1:
        x = x[0]
    together = Validation(x, x.new_ones(x.shape[:-1]), validations[0].n_steps)
    errors = together.errors(members.network).view(len(members), -1)
    return [of_one[:size] for of_one, size in zip(errors, sizes, strict=True)]
