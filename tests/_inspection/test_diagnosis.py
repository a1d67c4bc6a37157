import dataclasses
import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae._fitting.warn import still_falling
from sklearn_ae._inspection.diagnosis import Diagnosis, Finding, diagnose
from sklearn_ae.architectures import MLP, Convolutional, Recurrent
from sklearn_ae.latents import Sparse, TopK, Variational
from tests.common.instances import instances

rng = np.random.default_rng(0)
NOISE = rng.normal(size=(400, 20))
PLANE = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 20))


def fit(X, estimator=AutoencoderTransformer, **parameters):
    return estimator(**{"n_components": 8, "random_state": 0} | parameters).fit(X)


@pytest.mark.parametrize("latent", [None, "variational", "contractive"])
def test_healthy_training_has_no_symptoms(latent, digits):
    report = fit(digits, latent=latent).diagnose()
    assert report.symptoms == ()
    assert report.findings == ()
    assert repr(report).startswith("Diagnosis of AutoencoderTransformer: no symptoms\n")


def test_under_fitting(digits):
    with pytest.warns(ConvergenceWarning, match="still falling when training reached max_iter=8"):
        fitted = fit(digits, max_iter=8)
    (finding,) = fitted.diagnose().findings
    assert finding.symptom == "under-fitting"
    assert "reached its 8 epochs" in finding.evidence
    assert "Raise max_iter" in finding.advice


def test_no_warning_from_a_converged_or_stopped_training(digits, recwarn):
    fit(digits, max_iter=150, n_iter_no_change=5)
    fit(digits).partial_fit(digits)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("curve", "share"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.9, 0.5], 0.8),
        ([0.5, 0.4, 0.4, 0.4], 0),
        ([1.2, 1.3], 0),
        ([0.5, 0.9], 0),
    ],
)
def test_share_of_the_fall_in_the_second_half(curve, share):
    assert still_falling(curve, 1.0) == pytest.approx(share)


def test_under_fitted_only_if_training_went_on_to_the_end(digits):
    record = dataclasses.replace(
        fit(digits, max_iter=2)._record_,
        initial_loss=1.0,
        curve=[0.9, 0.5],
        validation_curve=[],
        ended_early=False,
    )
    for changes, is_under_fitted in (
        ({}, True),
        ({"ended_early": True}, False),
        ({"diverged": True}, False),
        ({"curve": [0.5, 0.4, 0.4, 0.4]}, False),
    ):
        symptoms = diagnose("Estimator", dataclasses.replace(record, **changes)).symptoms
        assert ("under-fitting" in symptoms) == is_under_fitted


def test_over_fitting():
    fitted = fit(
        NOISE[:120],
        linear_path=None,
        hidden_layer_sizes=(256, 256),
        early_stopping=True,
        n_iter_no_change=None,
        n_refinement_steps=0,
    )
    report = fitted.diagnose()
    assert report.symptoms == ("over-fitting", "no better than PCA")
    best = int(np.argmin(fitted.validation_curve_)) + 1
    assert f"turned after epoch {best}," in report.findings[0].evidence


def test_vanishing_gradients(digits):
    report = fit(
        digits,
        hidden_layer_sizes=(64,) * 8,
        activation="logistic",
        linear_path=None,
        weight_decay=0,
        max_iter=5,
    ).diagnose()
    assert "vanishing gradients" in report.symptoms
    evidence = {finding.symptom: finding.evidence for finding in report.findings}
    assert "encoder.layers.0.weight" in evidence["vanishing gradients"]


def test_exploding_gradients(digits):
    with pytest.warns(RuntimeWarning, match="no longer finite"):
        fitted = fit(digits, optimizer="sgd", learning_rate=1e4, learning_rate_schedule="constant")
    assert "exploding gradients" in fitted.diagnose().symptoms


def test_latents_that_ask_for_more_are_not_blamed_for_less(digits):
    for latent in ("wasserstein", "noisy", TopK(2)):
        assert (
            "no better than PCA" not in fit(digits, latent=latent, max_iter=3).diagnose().symptoms
        )
    # Nor those whose codes are as wide as the rows.
    assert fit(PLANE[:, :6], linear_path=None, max_iter=100).diagnose().symptoms == ()


def test_converged_gradients_are_not_taken_for_explosions():
    fitted = fit(PLANE, n_components=3, hidden_layer_sizes=(), linear_path=None, learning_rate=0.01)
    assert "exploding gradients" not in fitted.diagnose().symptoms


def test_exploding_gradients_of_finite_losses(digits):
    fitted = fit(digits)
    for largest, explodes in ((0.5, False), (50.0, True)):
        gradients = {"encoder": [0.1] * 9 + [largest], "decoder": [0.1] * 10}
        fitted._record_ = dataclasses.replace(fitted._record_, gradients=gradients)
        assert fitted.diagnose().symptoms == ("exploding gradients",) * explodes


def test_dead_units(digits):
    report = fit(
        digits, activation="relu", linear_path=None, learning_rate=0.3, max_iter=20
    ).diagnose()
    assert "dead units" in report.symptoms
    assert report.figures["dead units"] != "at most 0% of a layer"


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [(AutoencoderTransformer, {}), (AutoencoderOutlierDetector, {"architecture": MLP((64, 32))})],
)
def test_unused_code_dimensions(estimator, parameters):
    report = fit(PLANE, estimator, **parameters).diagnose()
    assert report.symptoms == ("unused code dimensions",)
    assert report.findings[0].evidence.startswith("5 of 8 entries")
    assert "n_components=3" in report.findings[0].advice


def test_denoisers_are_not_compared_with_pca():
    report = fit(PLANE, AutoencoderOutlierDetector).diagnose()
    assert "no better than PCA" not in report.symptoms


def test_unused_entries_of_sparse_codes(digits):
    report = fit(digits, n_components=200, latent=TopK(1), max_iter=3).diagnose()
    assert "unused code dimensions" in report.symptoms
    report = fit(digits, n_components=100, latent=Sparse(weight=3.0), max_iter=40).diagnose()
    assert "unused code dimensions" in report.symptoms


def test_posterior_collapse(digits):
    report = fit(digits, latent=Variational(beta=30), max_iter=40).diagnose()
    assert "posterior collapse" in report.symptoms
    assert "0 of 8 entries of the code in use" in report.figures["divergence"]


@pytest.mark.parametrize(
    ("X", "parameters"),
    [(NOISE, {"n_refinement_steps": 0}), (PLANE, {"linear_path": None})],
    ids=["nothing to gain", "plain network"],
)
def test_no_better_than_pca(X, parameters):
    assert "no better than PCA" in fit(X, max_iter=60, **parameters).diagnose().symptoms


def test_inputs_out_of_range(digits):
    fitted = fit(2 * digits, output_activation="logistic", max_iter=40)
    (finding,) = [f for f in fitted.diagnose().findings if f.symptom == "inputs out of range"]
    assert "from 0 to 2" in finding.evidence
    assert "MinMaxScaler((0, 1))" in finding.advice
    for X, activation in ((digits, "logistic"), (2 * digits - 1, "tanh")):
        symptoms = fit(X, output_activation=activation, max_iter=2).diagnose().symptoms
        assert "inputs out of range" not in symptoms
    assert (
        "inputs out of range"
        in fit(2 * digits, output_activation="tanh", max_iter=2).diagnose().symptoms
    )


@pytest.mark.parametrize("estimator", instances())
def test_every_autoencoder_is_diagnosed(estimator):
    X = np.random.default_rng(0).normal(size=(60, 6))
    report = estimator.fit(X, sample_weight=np.linspace(0, 1, 60)).diagnose()
    assert report.figures["squared error"]
    assert len(set(report.symptoms)) == len(report.symptoms)
    assert repr(report)


def test_a_result_that_is_pca_is_called_so():
    fitted = fit(NOISE, early_stopping=True, max_iter=200, n_refinement_steps=0)
    assert fitted.best_loss_ == fitted.initial_loss_
    report = fitted.diagnose()
    assert report.symptoms == ("no better than PCA",)
    assert report.figures["result"] == (
        "the principal components (training did not lower the validation loss)"
    )


def test_a_training_that_goes_on_is_compared_with_pca_not_with_its_start(digits):
    fitted = fit(digits, early_stopping=True, warm_start=True, max_iter=60)
    before = fitted.diagnose().figures
    assert "result" not in before
    fitted.set_params(max_iter=1, learning_rate=1e-12).fit(digits)
    report = fitted.diagnose()
    assert "result" not in report.figures
    assert "no better than PCA" not in report.symptoms


@pytest.mark.parametrize("parameters", [{"latent": "contractive"}, {"corruption": "masking"}])
def test_errors_are_without_penalty_and_noise(parameters):
    fitted = fit(NOISE, max_iter=3, early_stopping=False, **parameters)
    share = -fitted.score(NOISE) / NOISE.var(axis=0).mean()
    error = float(fitted.diagnose().figures["squared error"].split()[0])
    assert error == pytest.approx(share, rel=0.01)


def test_the_record_has_figures_alone(digits):
    record = fit(digits, max_iter=3).__dict__["_record_"]
    for value in dataclasses.asdict(record).values():
        assert not isinstance(value, np.ndarray)
    assert len(pickle.dumps(record)) < 3000


@pytest.mark.parametrize(
    "architecture", [Convolutional((8, 8), channels=(4, 8)), Recurrent((8, 8), hidden_size=8)]
)
def test_other_architectures(architecture, digits):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The result is PCA")
        report = fit(digits, architecture=architecture, max_iter=2).diagnose()
    assert ("dead units" in report.figures) == isinstance(architecture, Convolutional)


def test_report_of_the_last_training(digits):
    fitted = fit(digits, max_iter=30, warm_start=True)
    assert fitted.diagnose().figures["epochs"] == "30"
    fitted.set_params(max_iter=2).fit(digits)
    assert fitted.diagnose().figures["epochs"] == "2"
    fitted.partial_fit(digits)
    assert fitted.diagnose().figures["epochs"] == "1"


def test_failed_training_leaves_the_report(digits):
    fitted = fit(digits, max_iter=2)
    before = repr(fitted.diagnose())
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(np.full((5, 64), np.nan))
    assert repr(fitted.diagnose()) == before


def test_text_and_html():
    finding = Finding("under-fitting", "It was <still> falling.", "Raise max_iter.")
    report = Diagnosis("Estimator", {"epochs": "5", "training loss": "1"}, (finding,))
    assert report.symptoms == ("under-fitting",)
    assert repr(report) == (
        "Diagnosis of Estimator: 1 symptom\n\n"
        "  epochs         5\n"
        "  training loss  1\n\n"
        "under-fitting\n"
        "  It was <still> falling.\n"
        "  Advice: Raise max_iter."
    )
    page = report._repr_html_()
    assert "It was &lt;still&gt; falling." in page
    assert "<b>under-fitting</b>" in page


def test_not_fitted():
    with pytest.raises(NotFittedError):
        AutoencoderTransformer().diagnose()


def test_few_validation_rows_say_little(digits):
    report = fit(digits[:14], n_components=2, early_stopping=True, max_iter=30).diagnose()
    assert "dead units" not in report.symptoms


def test_what_is_exact_from_the_start_has_no_symptoms():
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 8))
    assert fit(X, n_components=2).diagnose().symptoms == ()
