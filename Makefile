# Real data is optional: without it the tests, examples and benchmarks that need it skip and say why.
ifneq ($(wildcard ../shared/data),)
export GNNCLR_DATA ?= $(abspath ../shared/data)
endif

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The oldest Python that is supported, on the PATH or among those of pyenv; `make test-python OTHER=python3.13` takes another.
OTHER ?= $(firstword $(foreach python,python3.10 $(wildcard $(HOME)/.pyenv/versions/3.10.*/bin/python3.10),\
           $(shell $(python) -c "print('$(python)')" 2>/dev/null)))
OTHER_VENV := .venv-$(notdir $(OTHER))
OTHER_STAMP := $(OTHER_VENV)/.installed
# What runs on it: all modules are imported, losses keep their contract, a recipe trains.
FEW_TESTS := tests/test_modules.py tests/losses/test_loss_call.py tests/losses/test_negative_cosine.py \
             "tests/train/test_node_recipes.py::test_recipe_trains[grace-sbm-cpu]"

.PHONY: help install demo test test-slow test-python test-wheel types lint format bench pages docs clean

help:
	@echo "make demo         train on embedded data and write report.html (about 2 minutes)"
	@echo "make test         run the tests"
	@echo "make test-slow    run the long tests as well"
	@echo "make test-python  run a few of the tests on the oldest Python"
	@echo "make test-wheel   build the package, install it into an environment of its own and try it there"
	@echo "make types        check types"
	@echo "make lint         check style"
	@echo "make format       apply style"
	@echo "make bench        time the losses beside their peers"
	@echo "make pages        make the pages of results anew, docs/results"
	@echo "make docs         build the reference, docs/_build/index.html"

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -e ".[dev]"
	touch $@

install: $(STAMP)

demo: $(STAMP)
	$(BIN)/gnnclr demo

# Bytecode is kept, or each of the processes that tests start would compile all that it imports.
test: $(STAMP)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

test-slow: $(STAMP)
	$(BIN)/python -m pytest

ifeq ($(OTHER),)
test-python:
	@echo "there is no python3.10 here: the tests on a second Python are left out"
else
$(OTHER_STAMP): pyproject.toml
	test -x $(OTHER_VENV)/bin/python || $(OTHER) -m venv $(OTHER_VENV)
	$(OTHER_VENV)/bin/python -m pip install -q --upgrade pip
	$(OTHER_VENV)/bin/python -m pip install -q --no-compile -e ".[test]"
	touch $@

test-python: $(OTHER_STAMP)
	$(OTHER_VENV)/bin/python -m compileall -q gnnclr benchmarks docs examples tests
	OMP_NUM_THREADS=1 $(OTHER_VENV)/bin/python -m pytest -q -m "not slow" $(FEW_TESTS)
endif

# What a user gets: the wheel that is made of the archive of sources, without this folder on the path.
test-wheel: $(STAMP)
	rm -rf dist .venv-wheel
	$(BIN)/python -m build --quiet
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install -q "$$(ls dist/*.whl)[cpu,train,graphs,report]"
	cd .venv-wheel && bin/gnnclr list > list.txt && \
	    bin/gnnclr fit --config simclr-digits --data.limit=256 --trainer.max_epochs=1 --out=images && \
	    bin/gnnclr fit --config grace-sbm --trainer.max_epochs=2 --out=nodes && \
	    bin/gnnclr embed --run nodes --output z.npz

# The second half: whatever others may import says its type, so that no tool has to guess one. What PyG and torchvision
# define is unknown there, as they do not say that they have types, and counts against the score that is printed.
types: $(STAMP)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pyright
	PYTHONPATH="$(CURDIR)" PATH="$(abspath $(BIN)):$$PATH" $(BIN)/pyright --verifytypes gnnclr --ignoreexternal > $(VENV)/types.txt || true
	@! grep -B 1 -A 1 -E "missing type annotation|Ambiguous base class" $(VENV)/types.txt
	@grep "completeness score: [1-9]" $(VENV)/types.txt

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
	rm -rf $(VENV) .venv-* build dist *.egg-info runs report.html docs/_build
