"""MLflow logs fitted models, loads them, and records pipelines by itself."""

import importlib

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.common.instances import ESTIMATORS, outputs

# Of MLflow's own types, when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

X = np.random.default_rng(0).normal(size=(60, 4))
OPTIONS = {"n_components": 2, "max_iter": 3, "random_state": 0}


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """Keep what is logged in a folder of the test, and report nothing to anybody."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    # Not at the top: MLflow reads these variables when it is imported.
    module = importlib.import_module("mlflow")
    module.set_tracking_uri(None)  # what the variable says
    module.set_experiment("autoencoders")
    yield module
    module.sklearn.autolog(disable=True)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("scaled", [False, True])
def test_logged_model(mlflow, estimator, scaled):
    model = estimator(**OPTIONS)
    model = (make_pipeline(StandardScaler(), model) if scaled else model).fit(X)
    logged = mlflow.sklearn.log_model(
        model,
        name="autoencoder",
        serialization_format="cloudpickle",
        pip_requirements=["sklearn-ae"],
    )
    loaded = mlflow.sklearn.load_model(logged.model_uri)
    for name, values in outputs(model, X).items():
        np.testing.assert_array_equal(getattr(loaded, name)(X), values)
    if hasattr(model, "predict"):  # MLflow serves nothing else
        served = mlflow.pyfunc.load_model(logged.model_uri)
        np.testing.assert_array_equal(served.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_autolog_records_what_the_user_fits(mlflow, estimator):
    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    estimator(**OPTIONS).fit(X)
    # Neither the mixture of codes nor the prototypes is a model of the user.
    assert len(mlflow.search_runs()) == 0
    make_pipeline(StandardScaler(), estimator(**OPTIONS)).fit(X)
    (run,) = mlflow.search_runs(output_format="list")
    assert run.data.tags["estimator_name"] == "Pipeline"
    assert run.data.params[f"{estimator.__name__.lower()}__n_components"] == "2"


def test_parameters_and_losses_of_a_run(mlflow):
    model = ESTIMATORS[0](**OPTIONS)
    with mlflow.start_run() as run:
        mlflow.log_params(model.get_params())
        model.fit(X)
        for epoch, loss in enumerate(model.loss_curve_, start=1):
            mlflow.log_metric("train_loss", loss, step=epoch)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "train_loss")
    assert [each.value for each in history] == model.loss_curve_
    assert mlflow.get_run(run.info.run_id).data.params["max_iter"] == "3"
