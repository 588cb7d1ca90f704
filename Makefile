# The one list of commands; CI calls it too. `make` alone lists them.
PYTHON ?= python3
PEOPLE ?= 20000
SIZES ?= 1000000
EXAMPLES ?= 100
SEQUENCES ?= 10000
LINKS ?= 2400
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test tests-on-spark other-tests spark check format lock laws accuracy pages screenshots benchmark setup

help:  ## List these commands
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

demo: setup  ## Make a company and run the main job on it (PEOPLE=20000)
	$(BIN)/backstamp demo demo --people $(PEOPLE)

test: setup  ## Run the tests: those on Spark, which mostly wait for Java, beside the others
	$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=line tests-on-spark other-tests

tests-on-spark:
	$(BIN)/python -m pytest -k spark

other-tests:
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile -k "not spark"

spark: setup  ## Run all tests of engines and unification on Spark
	SPARK=all $(BIN)/python -m pytest tests/engine tests/unify tests/pipeline/test_spark.py -k spark

check: setup  ## Lint, check types, check who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: setup  ## Lock the dependencies again, after a change of pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra spark --extra postgresql --extra dataverse --group dev --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --upgrade pyproject.toml --output-file requirements.lock

laws: setup  ## Hold unification (EXAMPLES=100 projects) and sequences of runs (SEQUENCES=10000, LINKS=2400) against the oracle for long
	LAWS_EXAMPLES=$(EXAMPLES) LAWS_SEQUENCES=$(SEQUENCES) LAWS_LINKS=$(LINKS) LAWS_FAULTS=6 LAWS_KILLS=20 \
		$(BIN)/python -m pytest --hypothesis-show-statistics tests/unify/test_laws.py tests/unify/test_incremental.py tests/laws

accuracy: setup  ## Find who is who in public data, and print how well, beside Splink (BACKSTAMP_DATA=folder)
	$(BIN)/python benchmarks/accuracy.py

pages: setup  ## Write the pages anew that show what commands print
	WRITE_PAGES=1 $(BIN)/python -m pytest -q tests/cli/test_pages.py tests/cli/test_linking_page.py tests/cli/test_stories_page.py tests/pipeline/test_ids.py

screenshots: setup  ## Show every page of the console anew, in docs/console/
	$(BIN)/python -m tests.console.screenshots docs/console

benchmark: setup  ## Measure unification beside Splink, at these numbers of people (SIZES=250000,1000000)
	$(BIN)/python benchmarks/unify.py --sizes $(SIZES)

setup: .venv/.ready

# Everything comes locked and with hashes; the build backend is among it, so that nothing else is fetched.
.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
