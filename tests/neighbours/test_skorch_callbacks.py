"""Callbacks of skorch that write: TensorBoard's, and checkpoints of the network."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Checkpoint, TensorBoard, TrainEndCheckpoint
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from tests.common.instances import ESTIMATORS

OPTIONS = {"n_components": 1, "max_iter": 5, "early_stopping": True, "random_state": 0}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tensorboard_shows_the_losses(estimator, curve, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        model = estimator(**OPTIONS, callbacks=[TensorBoard(writer)]).fit(curve)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name, losses in (
        ("Loss/train_loss", model.loss_curve_),
        ("Loss/valid_loss", model.validation_curve_),
    ):
        shown = events.Scalars(name)
        assert [each.step for each in shown] == [1, 2, 3, 4, 5]
        np.testing.assert_allclose([each.value for each in shown], losses, rtol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fitted_estimators_are_copied(estimator, curve, tmp_path):
    # The callback closes its writer, which can not be copied while it is open.
    model = estimator(**OPTIONS, callbacks=[TensorBoard(SummaryWriter(tmp_path))]).fit(curve)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.score_samples(curve), model.score_samples(curve))
    assert clone(model).get_params()["callbacks"] is not model.callbacks


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("checkpoint", "file"),
    [(Checkpoint, "params.pt"), (TrainEndCheckpoint, "train_end_params.pt")],
)
def test_checkpoints_have_the_weights_of_the_best_epoch(
    estimator, checkpoint, file, curve, tmp_path
):
    model = estimator(**OPTIONS, callbacks=[checkpoint(dirname=str(tmp_path))]).fit(curve)
    assert model.best_loss_ < model.initial_loss_
    saved = torch.load(tmp_path / file, weights_only=True)
    current = model.net_.module_.state_dict()
    assert saved.keys() == current.keys()
    for name, tensor in saved.items():
        # After the training, `fit` sorts the components: it sets the coordinates of the codes.
        if not name.startswith("basis."):
            assert torch.equal(tensor, current[name])
