# Two commands set everything up: `make benchmark` and `make test`.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: benchmark test lint types check format clean

benchmark: .venv/installed
	$(BIN)/python -m benchmarks pca --dataset digits --n-components 2 8 32

test: .venv/installed
	$(BIN)/python -m pytest --numprocesses auto

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m numpydoc lint sklearn_ae/*.py sklearn_ae/latents/*.py sklearn_ae/nn/latent.py sklearn_ae/nn/random.py

types: .venv/installed
	$(BIN)/mypy

check: lint types test

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build *.egg-info

# --no-deps: the pinned list is complete, and pip check says so.
.venv/installed: requirements-dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --requirement requirements-dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	$(BIN)/python -m pip check
	touch $@
