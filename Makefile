# Needs Python 3.11 or newer with any pip from 22.3 on, make and git. Everything else goes into .venv,
# pinned by hash; a second run installs nothing. `make help` lists the targets.

.DEFAULT_GOAL := help
.PHONY: help run test test-long lint format bench screenshots lock clean

BIN := .venv/bin
RUN := .venv/.installed-run
DEV := .venv/.installed-dev
SPARK := .venv/.installed-spark
WORKERS ?= 3
# The tests start hundreds of processes: without compiled files each would compile all that it imports.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
# Folders beside src and tests that hold Python.
ASIDE := $(patsubst %/,%,$(sort $(dir $(wildcard bench/*.py tools/*.py))))

help:  ## this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 12

run: $(RUN)  ## a month of a made-up tenant, charged and explained
	@$(BIN)/talktime demo --no-serve

test: lint $(SPARK)  ## everything a change must pass: lint, then the tests (WORKERS=0: one process)
	@$(java)
	@$(chromium)
	@$(kamailio)
	$(PYTEST) -n $(WORKERS)

test-long: $(DEV) $(SPARK)  ## the tests with many more generated examples, and the slow ones
	@$(java)
	@$(chromium)
	@$(kamailio)
	$(PYTEST) -n $(WORKERS) -m "long or not long" --hypothesis-profile=long

lint: $(DEV)  ## style, types and floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy src tests $(ASIDE)
	$(BIN)/lint-imports --no-logo

format: $(DEV)  ## put the code into its form, mend what can be mended
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(DEV)  ## every program bench/bench_*.py, each prints its figures
	@set -e; for program in bench/bench_*.py; do \
	  test -e "$$program" || { echo 'make bench: there is no bench/bench_*.py' >&2; exit 1; }; \
	  $(BIN)/python "$$program"; \
	done

screenshots: $(DEV)  ## every page of the admin center, light and dark, wide and narrow, into docs/screenshots
	@$(chromium)
	@$(BIN)/python tools/screenshots.py

lock:  ## make the locks anew from pyproject.toml (UPGRADE=--upgrade takes newer releases)
	$(COMPILE) --group build --output-file requirements.lock
	$(COMPILE) --group build --group dev --constraints requirements.lock --output-file requirements-dev.lock
	$(COMPILE) --extra spark --constraints requirements-dev.lock --output-file requirements-spark.lock

# One version of each library for every Python and machine; no index, no path, no host in the files.
UV ?= $(or $(wildcard $(BIN)/uv),uv)
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 \
  --fork-strategy fewest --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock' $(UPGRADE)

clean:  ## remove what builds and checks leave behind (not .venv: delete that by hand)
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests bench tools -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- the environment -----------------------------------------------------------------------------------
# Debian's python3 may come without ensurepip, and its pip refuses to install outside an environment:
# then the environment is made without pip, and the machine's pip is told to work on it.

# The first Python on the path that is new enough; PYTHON=... on the command line decides otherwise.
PYTHON ?= $(found)
found = $(eval found := $(firstword $(foreach python,python3 python3.14 python3.13 python3.12 python3.11,\
  $(shell $(python) -c 'import sys; sys.version_info >= (3, 11) and print("$(python)")' 2>/dev/null))))$(found)

$(BIN)/python:
	@python='$(PYTHON)'; \
	test -n "$$python" || { echo 'Talktime needs Python 3.11 or newer: install it, or name it by make PYTHON=...' >&2; exit 1; }; \
	$$python -m venv --clear .venv >/dev/null 2>&1 || $$python -m venv --clear --without-pip .venv

# $(call pip,ARGUMENTS): install by the first pip that works.
pip = for pip in '$(BIN)/python -m pip' '$(PYTHON) -m pip --python $(BIN)/python' \
    'pip3 --python $(BIN)/python' 'pip --python $(BIN)/python'; do \
  $$pip --version >/dev/null 2>&1 || continue; \
  $$pip install -qq --disable-pip-version-check $(1); exit $$?; \
done; echo 'Talktime needs pip 22.3 or newer: install it (on Debian: python3-pip).' >&2; exit 1

# Wheels only: what is not pinned by hash is not run, not even to build something.
PINNED = --require-hashes --only-binary :all: -r

# Each stamp asks for the one before it, so that nothing is installed twice or at the same time.
.venv/.installed-libraries: requirements.lock | $(BIN)/python
	@echo 'Installing the libraries of requirements.lock into .venv (once; a minute or two)'
	@$(call pip,$(PINNED) requirements.lock)
	@touch $@

$(RUN): pyproject.toml .venv/.installed-libraries
	@$(call pip,--no-deps --no-build-isolation --editable .)
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo 'Installing the tools of requirements-dev.lock into .venv (once; a minute or two)'
	@$(call pip,$(PINNED) requirements-dev.lock)
	@touch $@

# Spark is an extra (docs/decisions/0011-a-lock-for-spark.md): where it or Java cannot be had, its tests are
# skipped by name and nothing fails. PySpark comes as a source archive only: pinned, and built by what is pinned.
$(SPARK): requirements-spark.lock $(DEV)
	@echo 'Installing PySpark of requirements-spark.lock into .venv (once; a minute or two)'
	@( $(call pip,--no-build-isolation $(PINNED) requirements-spark.lock --no-binary pyspark) ) \
	  >.venv/spark.log 2>&1 && touch $@ \
	  || echo 'PySpark could not be installed (.venv/spark.log says why): the tests of Spark are skipped.'

java = test ! -e $(SPARK) || "$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version >/dev/null 2>&1 || { \
    test "$$(id -u)" = 0 && export DEBIAN_FRONTEND=noninteractive \
    && apt-get update && apt-get install --yes --no-install-recommends openjdk-17-jre-headless; \
  } >.venv/java.log 2>&1 || echo 'There is no Java: the tests of Spark are skipped.'

# The tests of the admin center walk it in Debian's Chromium; where it cannot be had they are skipped by name.
chromium = for name in chromium chromium-browser google-chrome; do command -v $$name && break; done >/dev/null || { \
    test "$$(id -u)" = 0 && export DEBIAN_FRONTEND=noninteractive \
    && apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; \
  } >.venv/chromium.log 2>&1 || echo 'There is no Chromium: the tests in a browser are skipped.'

# Real calls are placed by SIPp through Debian's Kamailio, some of them with freeDiameter in between; where these
# cannot be had the tests that need them are skipped by name.
kamailio = ( PATH="$$PATH:/usr/sbin"; command -v kamailio && command -v sipp && command -v freeDiameterd \
    && ls /usr/lib/*/kamailio/modules/ims_charging.so ) >/dev/null 2>&1 || { \
    test "$$(id -u)" = 0 && export DEBIAN_FRONTEND=noninteractive \
    && apt-get update && apt-get install --yes --no-install-recommends \
      kamailio kamailio-ims-modules sip-tester freediameterd freediameter-extensions curl openssl; \
  } >.venv/kamailio.log 2>&1 || echo 'Kamailio, SIPp or freeDiameter is missing: the tests that place calls through it are skipped.'
