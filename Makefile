PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: demo test lint docs test-long fuzz bench browser strace clean

# A CPU build of torch where there is one: the newest release brings gigabytes of CUDA libraries.
TORCH := torch==2.13.0

.venv/.demo: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable ".[cpu,offline]"
	touch $@

.venv/.dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $@

demo: .venv/.demo
	$(BIN)/ragkit ingest examples/documents --kb demo.kb
	$(BIN)/ragkit ask "How many days of annual leave do I get from the 15th year of service?" --kb demo.kb

# Tests that drive a browser wait for it in real time, so nothing else runs beside them.
test: lint docs browser strace
	$(BIN)/pytest -m "not long" --numprocesses auto --maxprocesses 4 --dist loadfile --ignore tests/ui
	$(BIN)/pytest -m "not long" tests/ui

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Builds the site in build/site; a broken link is an error.
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# Debian packages that some tests need; where they cannot be installed, those tests are skipped.
define install
	export DEBIAN_FRONTEND=noninteractive; { \
	  command -v apt-get && [ "$$(id -u)" = 0 ] && apt-get -qq update && \
	  apt-get -qq install --yes --no-install-recommends $(1); \
	} >/dev/null 2>&1 || echo "Not installed: $(1); tests that need it are skipped"
endef

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { \
	  $(call install,chromium fonts-liberation); \
	}

strace:
	@command -v strace >/dev/null || { \
	  $(call install,strace); \
	}

# Every fault sweep and 20,000 generated access cases: some hours, run before a release.
test-long: .venv/.dev
	$(BIN)/pytest -m long -s

# A thousand damaged files of every kind, and hostile ones.
fuzz: .venv/.dev
	$(BIN)/python -m tests.fuzz

bench: .venv/.dev
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv demo.kb dist build
