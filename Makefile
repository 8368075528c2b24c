# One door for users and contributors. `make` alone lists what there is.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Debian packages that the tests want; each is looked for before anything is installed.
TEST_PACKAGES := man-db mariadb-server rsyslog rsyslog-openssl bsdutils openssl systemd \
  systemd-journal-remote gcc libc6-dev nftables
# Debian lets it be installed only in the place of rsyslog, so it is unpacked beside.
SYSLOG_NG := syslog-ng-core libnet1 libivykis0 libpcre3

.DEFAULT_GOAL := help
.PHONY: help demo test bench trials lint docs clean system-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed ## parse the sample logs, ask questions, raise the alerts
	@PATH="$(abspath $(BIN)):$$PATH" samples/demo

test: $(VENV)/.installed system-packages lint ## check style and types, run all tests
	@# The tests start our commands thousands of times, not all of which may keep what they compile.
	@$(BIN)/python -m compileall -q src
	@$(BIN)/pytest -n 2 $(PYTEST_ARGS)

lint: $(VENV)/.installed ## check style and types only
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary

bench: $(VENV)/.installed ## measure, beside other programs (BENCH_ARGS=--quick: small)
	@$(BIN)/python bench/run.py $(BENCH_ARGS)

trials: $(VENV)/.installed ## kill, halt, flood and starve it (TRIALS_ARGS=--short: in seconds)
	@PYTHONPATH=bench $(BIN)/python -m trials $(TRIALS_ARGS)

docs: $(VENV)/.installed ## write the generated docs and manual pages anew
	@$(BIN)/python docs/write_reference.py

clean: ## delete what make and the tools made
	rm -rf $(VENV) demo-lake .bench .syslog-ng build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench trials samples docs -name __pycache__ -prune -exec rm -rf {} +

# The private environment; made again when the project's dependencies change.
$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

# Root on Debian gets what is missing; others are told. A test that still lacks a package skips,
# except where CI is set.
system-packages:
	@for package in $(TEST_PACKAGES); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'ok installed' && continue; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get install -y -qq "$$package" >/dev/null \
	      || { apt-get update -qq && apt-get install -y -qq "$$package" >/dev/null; }; \
	  else echo "$$package is not installed; tests that need it are skipped" >&2; fi; \
	done
	@[ -d .syslog-ng ] || ! command -v apt-get >/dev/null || { \
	  folder=$$(mktemp -d) && (cd "$$folder" && apt-get download -qq $(SYSLOG_NG) 2>/dev/null \
	    && for file in *.deb; do dpkg -x "$$file" unpacked; done) \
	    && mv "$$folder/unpacked" .syslog-ng \
	    || echo "syslog-ng cannot be fetched; the test that needs it is skipped" >&2; \
	  rm -rf "$$folder"; }
