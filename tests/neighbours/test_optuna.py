"""Optuna searches parameters, and prunes by the validation loss of the epochs."""

import optuna
import pytest
from optuna.trial import TrialState
from skorch.callbacks import Callback

from sklearn_ae import AutoencoderTransformer


class Pruning(Callback):
    def __init__(self, trial):
        self.trial = trial

    def on_epoch_end(self, net, **kwargs):
        self.trial.report(net.history[-1, "valid_loss"], step=len(net.history))
        if self.trial.should_prune():
            raise optuna.TrialPruned


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.GridSampler({"learning_rate": [1e-2, 1e-7]}, seed=0),
    )
    optuna.logging.set_verbosity(optuna.logging.INFO)


def test_search(curve, study):
    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-7, 1e-2, log=True)
        model = AutoencoderTransformer(1, learning_rate=rate, max_iter=10, random_state=0)
        return model.fit(curve[:200]).score(curve[200:])

    study.optimize(objective)
    assert study.best_params == {"learning_rate": 1e-2}
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_pruning(curve):
    fitted = []

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-7, 1e-2, log=True)
        model = AutoencoderTransformer(
            1,
            learning_rate=rate,
            max_iter=10,
            early_stopping=True,
            callbacks=[Pruning(trial)],
            random_state=0,
        )
        fitted.append(model.fit(curve))
        return model.best_loss_

    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    study.enqueue_trial({"learning_rate": 1e-2})
    study.enqueue_trial({"learning_rate": 1e-7})
    study.optimize(objective, n_trials=2)
    good, bad = study.trials
    assert good.state == TrialState.COMPLETE
    assert list(good.intermediate_values.values()) == fitted[0].validation_curve_
    assert bad.state == TrialState.PRUNED
    assert len(bad.intermediate_values) < 10
    assert len(fitted) == 1  # a pruned fit ends at once
