# SPDX-License-Identifier: Apache-2.0
#
# Two commands matter: `make demo` shows the main job, `make test` proves it.
# Both install the Debian packages they need by name and say what they do.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TOOLS := ovs-dpctl psample-listen tc-sample dplab dpscope-selftests
GOLANGCI_LINT := v2.15.0
PREFIX ?= /usr/local
BIN := $(CURDIR)/bin
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# What the lab needs to build kernel modules (libelf1 for the programs that
# Debian's kernel headers bring along), to run its machines, and its guests.
BUILD_DEPS := gcc libc6-dev make git flex bison bc kmod xz-utils zstd libelf1 qemu-system-x86
GUEST_DEPS := iproute2 iputils-ping kmod
# What installs the userlands of other suites.
SUITE_DEPS := debootstrap
# checkpatch and kernel-doc.
CHECK_DEPS := perl

GO ?= go
# Static binaries: they run in guests and on hosts of any libc. The version is
# given here, so Go need not ask git, which refuses trees of other owners.
GOBUILD := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -X github.com/dpscope/dpscope/cmd/internal/cli.version=$(VERSION)'

.PHONY: help demo test test-long check build kmod kmod-check deb-dkms lab bench fmt lint clean install deps go-version

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

go-version:
	@command -v $(GO) >/dev/null || { echo "make: Go 1.26 or later is needed (README.md says how to get it on Debian 12)" >&2; exit 1; }

deps:
	@.ci/deps $(sort $(BUILD_DEPS) $(GUEST_DEPS) $(SUITE_DEPS) $(CHECK_DEPS))

build: go-version ## build the tools into bin/
	@mkdir -p $(BIN)
	@$(GOBUILD) -o $(BIN)/ $(addprefix ./cmd/,$(TOOLS))

lab: deps build ## build the lab's kernels (cached; the first time takes minutes)
	@$(BIN)/dplab build

kmod: deps build ## build our kernel modules for the lab's kernel
	@$(BIN)/dplab build 6.1-dpscope

demo: deps ## show real samples, with cookies, from a patched 6.1 kernel
	@echo '==> building dplab, then the other tools and the lab kernel side by side'
	@$(MAKE) --no-print-directory go-version
	@mkdir -p $(BIN)
	@$(GOBUILD) -o $(BIN)/ ./cmd/dplab
	@$(MAKE) --no-print-directory -j2 build demo-kernel
	@$(BIN)/dplab run --kernel 6.1-dpscope -- bash selftests/demo.sh

.PHONY: demo-kernel
demo-kernel:
	@$(BIN)/dplab build 6.1-dpscope

check: go-version fmt-check lint ## vet, linters, unit tests with -race, fuzz seeds: no root, no lab
	@.ci/hygiene
	@$(GO) vet ./...
	@$(GO) test -race ./...

.PHONY: fmt-check
fmt-check:
	@out=$$(gofmt -l .); [ -z "$$out" ] || { echo "not gofmt-ed (make fmt):"; echo "$$out"; exit 1; } >&2

fmt: ## format the Go code
	@gofmt -w .

$(BIN)/tools/golangci-lint-$(GOLANGCI_LINT):
	@echo "==> building golangci-lint $(GOLANGCI_LINT) (once)"
	@mkdir -p $(BIN)/tools
	@GOBIN=$(BIN)/tools $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	@mv $(BIN)/tools/golangci-lint $@

lint: go-version $(BIN)/tools/golangci-lint-$(GOLANGCI_LINT) ## run golangci-lint, with the dependency-direction rules
	@$(BIN)/tools/golangci-lint-$(GOLANGCI_LINT) run ./...

test: ## everything, with seeded samples of the long suites
	@.ci/test

test-long: ## everything, with the full counts
	@.ci/test --long

kmod-check: kmod ## git am, checkpatch, W=1, each patch alone, uapi headers
	@.ci/kmod-check

# Debian's versions begin with a digit and sort; the time is the last commit's.
DEBDIR ?= $(CURDIR)/dist
deb-dkms: ## make the Debian package that installs our modules on Linux 6.1
	@epoch=$$(git log -1 --format=%ct 2>/dev/null || echo 0); \
	version=$$({ git describe --tags --exact-match 2>/dev/null || true; } | sed -n 's/^v\([0-9]\)/\1/p' | tr - '~'); \
	[ -n "$$version" ] || version=0+git$$(date -u -d "@$$epoch" +%Y%m%d%H%M%S).$$(git rev-parse --short HEAD 2>/dev/null || echo unknown); \
	[ -z "$$(git status --porcelain -- kmod 2>/dev/null)" ] || version=$$version+dirty; \
	SOURCE_DATE_EPOCH=$$epoch sh kmod/dkms/deb.sh "$${DEBVERSION:-$$version}" '$(DEBDIR)'

bench: ## benchmarks of the hot paths
	@.ci/bench

install: build ## install the tools under PREFIX (default /usr/local)
	@install -d $(DESTDIR)$(PREFIX)/bin
	@install -m 755 $(addprefix $(BIN)/,$(TOOLS)) $(DESTDIR)$(PREFIX)/bin/

clean: ## remove what was built here (the lab's cache: dplab clean)
	@rm -rf $(BIN) dist
