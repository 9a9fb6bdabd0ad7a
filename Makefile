# Real data is optional: without it the tests, examples and benchmarks that need it skip and say why.
ifneq ($(wildcard ../shared/data),)
export GNNCLR_DATA ?= $(abspath ../shared/data)
endif

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test test-slow lint format bench pages docs clean

help:
	@echo "make demo       train on embedded data and write report.html (about 3 minutes)"
	@echo "make test       run the tests"
	@echo "make test-slow  run the long tests as well"
	@echo "make lint       check style"
	@echo "make format     apply style"
	@echo "make bench      time the losses beside their peers"
	@echo "make pages      make the pages of results anew, docs/results"
	@echo "make docs       build the reference, docs/_build/index.html"

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[dev]"
	touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/gnnclr demo

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

test-slow: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks.losses

pages: $(STAMP)
	$(BIN)/python -m benchmarks.pages

docs: $(STAMP)
	$(BIN)/python -m pip install -q -e ".[docs]"
	$(BIN)/python -W ignore -m sphinx -q -W docs docs/_build

clean:
	rm -rf $(VENV) build dist *.egg-info runs report.html docs/_build
