# The front door. `make` shows what there is; every target sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin
# A process has one Keras backend: some tests need JAX, and some are for both, which is seen to by test-all.
FUSED := tests/trainers/engines/fused tests/trainers/estimators/fused
BOTH := tests/trainers/estimators/test_base.py tests/trainers/estimators/test_scikit_learn_checks.py
PYTEST := $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint bench up down

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## make .venv with everything pinned by deploy/constraints.txt

.venv/ready: pyproject.toml deploy/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --compile --constraint deploy/constraints.txt --editable '.[dev]'
	touch $@

demo: setup ## the main job on real data: a genetic search, its leaderboard, the line to browse it
	$(BIN)/kerasweep run examples/breast_cancer.yaml

test: setup ## the tests, under 10 minutes on 2 cores
	KERAS_BACKEND=jax $(PYTEST) $(FUSED) -m "not full"
	$(PYTEST) $(FUSED:%=--ignore %) -m "not full"

test-all: setup ## every test, the examples included
	KERAS_BACKEND=jax $(PYTEST) $(FUSED) $(BOTH)
	$(PYTEST) $(FUSED:%=--ignore %)

lint: setup ## ruff, mypy --strict and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Kerasweep beside GridSearchCV, KerasTuner, Ray Tune and Optuna (hours; benchmarks/README.md says how to run parts)
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.draw
	$(BIN)/python -m benchmarks.search_cv
	$(BIN)/python -m benchmarks.tutorials
	$(BIN)/python -m benchmarks.quality.make_tables
	$(BIN)/python -m benchmarks.quality.race
	$(BIN)/python -m benchmarks.quality.ablation
	$(BIN)/python -m benchmarks.quality.clock $(if $(DATA),--data $(DATA))
	$(BIN)/python -m benchmarks.quality.clock_report

up: ## Ray, MLflow, PostgreSQL and the scheduler in containers (deploy/README.md says what to write first)
	docker compose --file deploy/compose/compose.yaml up --build --detach --wait

down: ## stop them; what they hold stays in volumes
	docker compose --file deploy/compose/compose.yaml down
