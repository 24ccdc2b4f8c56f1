# The commands of this repository; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-output

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt bless fixtures bench campaign tools wheel clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "packaging_kit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed ## take a real component apart, pack it in every form, unpack and compare
	@$(BIN)/pip install --quiet --disable-pip-version-check "$$($(BIN)/python -m tests.real.tools requirement componentize-py)"
	@$(BIN)/python -m tests.real.demo --into $(DEMO)

test: $(VENV)/.installed ## run the tests, with the real tools that are there
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.installed ## format, lint, types, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) --no-print-directory test

fmt: $(VENV)/.installed ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bless: $(VENV)/.installed ## rewrite what the command line tests expect; read the diff
	BLESS=1 $(BIN)/python -m pytest -n 0 tests/test_command_line.py tests/test_documentation.py tests/test_rules_document.py

fixtures: $(VENV)/.installed ## make the committed fixtures again; no diff is expected
	$(BIN)/python -m fixtures.build --real

bench: $(VENV)/.installed ## measure against known tools, and write docs/performance.md
	$(BIN)/python -m bench.run

campaign: $(VENV)/.installed ## crashes, faults, flipped bits: all of them, and write docs/reliability.md
	$(BIN)/python -m tests.campaign --full

tools: $(VENV)/.installed ## install the real tools that tests compare with, into .tools/
	$(BIN)/python -m tests.real.tools install

wheel: $(VENV)/.installed ## build the wheel into dist/
	$(BIN)/python -m hatchling build --target wheel --directory dist

clean: ## remove what was built, but not .tools/
	rm -rf $(VENV) $(DEMO) dist .cache .hypothesis .mypy_cache .ruff_cache
