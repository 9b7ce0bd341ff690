# make: set up, then run the workflow on config.yaml.  make setup: only set up.  make test: set up, then run the tests;
# make test TESTS="-m 'not slow'" runs the quick ones alone.
# make studies: set up, then reproduce the tables and figures of the two published studies on simulated images.
PYTHON ?= python3
CORES ?= all
BIN := $(CURDIR)/.venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint envs/constraints.txt
export PATH := $(BIN):$(PATH)

run: setup
	snakemake --cores $(CORES)

studies: setup
	snakemake --cores $(CORES) --configfile studies/nanofibre.yaml studies/mango.yaml

setup: .venv/ready

test: .venv/ready-to-test
	pytest -n logical --dist loadfile $(TESTS)

check: .venv/ready-to-test
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	mypy
	snakemake --lint

.venv/ready: pyproject.toml envs/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gradewise needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@echo "installing into .venv, a minute or two"
	$(PIP) torch
	$(PIP) --editable '.[backbones]'
	@touch $@

.venv/ready-to-test: .venv/ready
	$(PIP) --editable '.[dev,lsf,slurm]'
	@touch $@

.PHONY: run studies setup test check
