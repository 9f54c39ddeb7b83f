# Every target works from a fresh clone: the packages are installed when they are missing or their lock has changed.

SHELL := /bin/sh
# DVC's commands and the stages' `python` must be those of the environment.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Packages and modules must be the locked ones and ours, wherever a user's Python looks otherwise.
unexport PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS
# What was typed, for the shell to read from the environment: neither make nor a shell may run what a name contains.
override export BASE := $(value BASE)
override export MODEL := $(value MODEL)
override export PYTHON := $(value PYTHON)
TRUSTED = $(if $(filter 1,$(TRUST_CACHE)),--trust-cache)
COMMIT = git rev-parse --quiet --verify --end-of-options
# A DVC that was killed while it wrote this file leaves it empty, and then refuses every run.
UNLOCK = python -m json.tool .dvc/tmp/rwlock >/dev/null 2>&1 || rm -f .dvc/tmp/rwlock
# The stages that a failed run has not got to: their results stay, of the inputs before.
STALE = dvc repro --dry --force-downstream --allow-missing 2>/dev/null | sed -n "s/^Running stage '\(.*\)':$$/  \1/p"
LOCK = uv pip compile --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
  --no-annotate --no-header
INSTALLED := .venv/.installed

.PHONY: help install repro handwriting draw report test lint ci verify bench bench-pictures bench-scale restore lock clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## create .venv with the locked packages

$(INSTALLED): requirements.lock requirements-tools.lock
	@case "$$(uname -sm)" in \
	  "Linux x86_64") ;; \
	  "Linux aarch64" | "Darwin arm64") echo "make: nobody has tried this on $$(uname -sm) yet; the last digits will \
	be other than those of dvc.lock" >&2 ;; \
	  *) echo "make: TensorFlow has no package for $$(uname -sm); must be Linux on x86-64 (or, untried, Linux on \
	aarch64 or macOS on arm64)" >&2; exit 1 ;; \
	esac
	@rm -rf .venv # before python3 is looked for: it must not be the one in there
	@set -- "$$PYTHON"; test -n "$$PYTHON" || set -- python3 python3.13 python3.12 python3.11; \
	for python in "$$@"; do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
	  echo "installing the locked packages to .venv: 2.2 GB (450 MB to download), two minutes on two free cores"; \
	  "$$python" -m venv .venv && break; \
	  rm -rf .venv; \
	done; \
	test -x .venv/bin/python || { echo "make: found no Python 3.11, 3.12 or 3.13 that can make .venv (TensorFlow has no \
	other yet); $${PYTHON:-python3} is: $$("$${PYTHON:-python3}" --version 2>&1); name one with make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@.venv/bin/python -m pip install --disable-pip-version-check --require-hashes \
	  -r requirements.lock -r requirements-tools.lock
	@touch $@

repro: install  ## run the stages whose inputs changed, then show the results
	@python -m stages.commands.preflight
	@$(UNLOCK)
	@dvc repro || { stale=$$($(STALE)); test -z "$$stale" || \
	  printf 'make: missing, or still of earlier inputs, are the results of\n%s\n' "$$stale" >&2; exit 1; }
	@echo
	@echo "The results. (DVC skips a stage whose inputs have not changed since its last run here;"
	@echo "\`make verify\` makes all anew.)"
	@dvc metrics show metrics/test.json metrics/train.json
	@python -c 'import json; p = json.load(open("metrics/prediction.json")); \
	  print("Predict: {predicted}\nLabel: {label}\nPicture: metrics/prediction.png".format(**p))'

handwriting: install  ## train a model that knows more hands than MNIST's, as the experiment "handwriting"
	@python -m stages.commands.preflight
	@$(UNLOCK)
	@# DVC refuses a name that this commit has an experiment of; the others' of this name are to stay.
	@if dvc exp list --name-only | grep -qx handwriting; then dvc exp remove --quiet handwriting; fi
	@dvc exp run -n handwriting -S train.seed=2 -S train.epochs=30 -S train.learning_rate=0.002 \
	  -S train.schedule=cosine -S 'model.filters=[32,64]' -S model.conv_dropout=0 -S model.dense_dropout=0.2 \
	  -S train.augmentation.rotation=12 -S train.augmentation.shear=0.25 -S train.augmentation.zoom=0.12 \
	  -S train.augmentation.shift=1.5 -S train.outliers=0.2

draw: install  ## draw digits in the browser, and see what the model reads; MODEL=mine.h5 takes another model
	@python -m stages.commands.draw $${MODEL:+--model "$$MODEL"}

test: install  ## run the test suite
	@python -m pytest --numprocesses 2 --dist loadfile

lint: install  ## check style and types
	@ruff check .
	@ruff format --check .
	@mypy stages tests

report: install  ## write report.html and report.md: the results beside those of BASE (default: the last commit)
	@python -m stages.commands.report $${BASE:+"$$BASE"}

ci: install  ## what continuous integration runs: lint, test, all stages, report, gate; BASE=main compares with it
	@test -z "$$BASE" || $(COMMIT) "$$BASE^{commit}" >/dev/null || \
	  { printf 'make: BASE=%s: git knows no such commit here\n' "$$BASE" >&2; exit 1; }
	@python -m stages.commands.preflight
	@env -u BASE -u MAKEFLAGS $(MAKE) --no-print-directory lint test # or each make that a test runs would have this BASE
	@# What DVC skips, or takes from its cache, somebody may have put there.
	@dvc repro $(if $(TRUSTED),,--force --no-run-cache)
	@# Where the cache was trusted, what takes little time is computed all the same.
	@$(if $(TRUSTED),dvc repro --force --single-item evaluate predict-sample report)
	@dvc metrics show metrics/test.json metrics/train.json
	@if commit=$$($(COMMIT) "$${BASE:-HEAD~1}^{commit}"); then \
	  dvc params diff --md "$$commit"; dvc metrics diff --md "$$commit"; \
	fi
	@python -m stages.commands.report $(TRUSTED) $${BASE:+"$$BASE"}
	@python -m stages.commands.gate $(TRUSTED) $${BASE:+"$$BASE"}

verify: install  ## prove it: a clone, run in full, against dvc.lock; CORES=1, WORKERS=4 and CPU=Haswell run it otherwise
	@python -m tests.verify $(if $(CORES),--cores $(CORES)) $(if $(WORKERS),--workers $(WORKERS)) \
	  $(if $(CPU),--cpu $(CPU))

bench: install  ## speed and memory beside plain Keras, as ratios
	@python -m tests.bench

bench-pictures: install  ## how drawn pictures are read, right or wrong: 2,200 in ten minutes; SPLIT=test to report
	@python -m tests.bench_pictures $(if $(SPLIT),--split $(SPLIT))

bench-scale: install  ## speed and memory of each stage at 60,000 to 2,000,000 images: half an hour, 20 GB of disk
	@python -m tests.bench_scale

restore:  ## bring back the results of the last commit after a failed run
	@command -v dvc >/dev/null || $(MAKE) install
	@$(UNLOCK)
	@git checkout --quiet HEAD -- dvc.lock metrics # unlike `git restore`, it leaves what was added since
	@dvc checkout --force --allow-missing

lock: install  ## resolve requirements*.txt anew into the three lock files
	@python -m pip install --quiet --require-hashes -r requirements-ci.lock # has uv
	@$(LOCK) requirements.txt -o requirements.lock
	@for name in requirements-tools requirements-ci; do \
	  $(LOCK) -c requirements.lock $$name.txt -o $$name.lock || exit 1; \
	done

clean:  ## remove the environment and what caches leave
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
