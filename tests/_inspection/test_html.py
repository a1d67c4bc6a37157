import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_ae import AutoencoderOutlierDetector, AutoencoderTransformer
from sklearn_ae._inspection import html
from sklearn_ae._inspection.html import describe_training, draw_losses


@pytest.fixture(scope="module")
def fitted(digits):
    return AutoencoderTransformer(
        3, hidden_layer_sizes=(16, 8), max_iter=4, early_stopping=True, random_state=0
    ).fit(digits)


def text_of(page):
    return re.sub("<[^>]*>", " ", page)


def is_well_formed(page):
    return ElementTree.fromstring(page.replace(" open ", ' open="open" ', 1)) is not None


def test_shows_network_and_training_below_the_diagram(fitted):
    page = fitted._repr_html_()
    diagram, block = page.split('<details class="sklearn-ae-training"')
    assert "sk-top-container" in diagram
    text = text_of(block)
    assert "Linear(64, 16) → GELU → Linear(16, 8) → GELU → Linear(8, 3)" in text
    assert "Linear(3, 8) → GELU → Linear(8, 16) → GELU → Linear(16, 64)" in text
    assert "a linear path that starts at PCA" in text
    n_weights = sum(weights.numel() for weights in fitted.net_.module_.parameters())
    assert f"{n_weights:,}" in text
    assert "cpu, float64" in text
    assert f"4, training loss {fitted.loss_:.4g}" in text
    assert block.count("<polyline") == 2
    assert is_well_formed(describe_training(fitted))


def test_notebooks_get_the_same(fitted):
    bundle = fitted._repr_mimebundle_()
    assert "sklearn-ae-training" in bundle["text/html"]
    assert bundle["text/plain"] == repr(fitted)
    with config_context(display="text"):
        assert "text/html" not in fitted._repr_mimebundle_()
        assert not hasattr(fitted, "_repr_html_")


def test_estimators_that_are_not_fitted(fitted):
    for estimator in (AutoencoderTransformer(), AutoencoderOutlierDetector(), clone(fitted)):
        assert "sklearn-ae-training" not in estimator._repr_html_()
        assert "sk-top-container" in estimator._repr_html_()


def test_pipelines_show_their_own_diagram(fitted, digits):
    pipeline = make_pipeline(StandardScaler(), clone(fitted)).fit(digits)
    assert "AutoencoderTransformer" in pipeline._repr_html_()
    assert "sklearn-ae-training" not in pipeline._repr_html_()
    assert "sklearn-ae-training" in pipeline[-1]._repr_html_()


def test_members_of_a_detector(digits):
    detector = AutoencoderOutlierDetector(
        3, hidden_layer_sizes=(16,), max_iter=1, random_state=0
    ).fit(digits[:80])
    text = text_of(describe_training(detector))
    assert "4 x Linear(64, 16) → GELU → 4 x Linear(16, 3)" in text


class Odd(nn.Linear):
    def extra_repr(self):
        return "<script>alert()</script>"


def test_text_of_other_modules_is_escaped(digits):
    networks = (nn.Sequential(Odd(64, 3)), nn.Sequential(nn.Linear(3, 64)))
    fitted = AutoencoderTransformer(3, architecture=networks, max_iter=1, random_state=0)
    page = describe_training(fitted.fit(digits))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "Linear(3, 64)" in text_of(page)


def points_of(picture):
    lines = re.findall('points="([^"]*)"', picture)
    return [np.array([p.split(",") for p in line.split()], float) for line in lines]


def test_picture_of_losses():
    picture = draw_losses([4.0, 2.0, 1.0, np.nan], [3.0, 2.5])
    assert is_well_formed(picture)
    training, validation = points_of(picture)
    assert len(training) == 3
    assert len(validation) == 2
    # The steps are equal, and lower losses are lower in the picture, on one scale.
    assert np.diff(training[:, 0]) == pytest.approx([np.diff(training[:, 0])[0]] * 2, abs=0.2)
    height = training[2, 1] - training[0, 1]
    assert height > 0
    assert training[1, 1] - training[0, 1] == pytest.approx(height * 2 / 3, abs=0.2)
    assert validation[0, 1] - training[0, 1] == pytest.approx(height / 3, abs=0.2)
    assert "validation" in text_of(picture)


def test_pictures_of_few_and_of_many_losses():
    assert draw_losses([]) == draw_losses([np.nan], None) == ""
    (line,) = points_of(draw_losses([2.0]))
    assert np.ptp(line[:, 0]) > 0
    (line,) = points_of(draw_losses(np.ones(100_000)))
    assert len(line) <= 200
    assert np.isfinite(line).all()


def test_link_needs_an_address(monkeypatch):
    assert html.documentation_url() is None or html.documentation_url().startswith("http")
    if html.documentation_url() is None:
        assert AutoencoderTransformer()._get_doc_link() == ""

    class Metadata:
        def get_all(self, name):
            return ["Source, https://a.test/x", "Documentation, https://b.test/docs/"]

    monkeypatch.setattr(html, "metadata", lambda name: Metadata())
    assert html.documentation_url.__wrapped__() == "https://b.test/docs"
