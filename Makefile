# Two commands for a new user: make demo, make test. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# what the tests need of Debian: ext4 on a loop device loses its power, strace kills at chosen system calls; a broker and
# a time-series database as they stand in buildings; openssl makes certificates
DEBIAN := e2fsprogs util-linux mount strace openssl mosquitto victoria-metrics
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check bench prove test-deps format wheel clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/tested: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@ $(VENV)/installed

demo: $(VENV)/installed  ## the simulated building and the gateway on loopback (DEMO="--scenario entrapment")
	@exec $(BIN)/anlou demo $(DEMO)

test: test-deps $(VENV)/tested  ## the suite
	$(BIN)/python -m pytest -m 'not long and not prove' -n 2 --dist loadgroup

test-long: test-deps $(VENV)/tested  ## faults as root: power cuts, many kills
	$(BIN)/python -m pytest -m long --timeout 900

check: $(VENV)/tested  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file pyproject.toml benchmarks/*.py

format: $(VENV)/tested  ## format and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/tested  ## figures as ratios to floors measured in the same run
	$(BIN)/python -m benchmarks

prove: test-deps $(VENV)/tested  ## by hand before a release: 90 power cuts, a million events, 100 M samples, mutants
	$(BIN)/python -m pytest -m prove -s
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test,prove]'
	rm -rf mutants && $(BIN)/mutmut run >mutants.txt
	@$(BIN)/mutmut results --all true | sed 's/.*: //' | sort | uniq -c

wheel: $(VENV)/tested  ## dist/anlou-*.whl
	$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-deps -w dist .

test-deps:  ## install the Debian packages that the tests need, if any is missing
	@.ci/test-deps $(DEBIAN)

clean:  ## remove what this Makefile made
	rm -rf $(VENV) dist mutants mutants.txt
