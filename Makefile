# The only makefile that is run. `make help` tells the targets; each folder's module.mk names its
# parts. Non-recursive, out of tree: build/<mode>/.

MODE ?= release
# V=1 shows the commands.
Q := $(if $(V),,@)
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
ifeq ($(MODE),fuzz)
CC := clang
endif
BUILD := build/$(MODE)
PARALLEL := -j$(shell nproc)
VERSION := $(shell cat VERSION)

PKGS := libevent_core openssl libpq yaml-0.1 jansson libseccomp libsodium p11-kit-1 libgfshare
CPPFLAGS := -D_GNU_SOURCE -I. -I$(BUILD)/gen -DFIRSTRING_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough \
	-Wnull-dereference -Wdouble-promotion -Werror \
	$(if $(findstring clang,$(CC)),,-Wno-format-truncation)
HARDEN := -fstack-protector-strong -fPIE -fstack-clash-protection -fcf-protection -fno-strict-overflow \
	-fno-delete-null-pointer-checks
CFLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
CFLAGS_debug := -O0 -g3
CFLAGS_asan := -O1 -g3 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS_tsan := -O1 -g3 -fsanitize=thread
CFLAGS_fuzz := -O1 -g3 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all
CFLAGS := -std=gnu17 $(WARNINGS) $(HARDEN) $(CFLAGS_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS := -pie -Wl,--as-needed,-z,relro,-z,now,-z,noexecstack $(filter -fsanitize%,$(CFLAGS_$(MODE)))
LDLIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# What the modules fill in: programs, and every object for dependency files.
PROGRAMS :=
OBJECTS :=

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

include common/module.mk factory-ca/module.mk redirector/module.mk portal-api/module.mk deploy/man/module.mk tests/module.mk

.PHONY: all run up down check bench lint format analyze cov clean help
all: $(PROGRAMS)  ## build the daemons and tools

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Statements of sql/queries/<daemon>/*.sql as C: struct pg_statement, by name and as a list.
$(BUILD)/gen/queries_%.h $(BUILD)/gen/queries_%.c: sql/queries-to-c $(wildcard sql/queries/*/*.sql)
	@mkdir -p $(@D)
	sql/queries-to-c $* $(BUILD)/gen
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

-include $(OBJECTS:.o=.d)

clean:  ## remove what was built (var/ stays)
	rm -rf build

help:  ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST) | sort
	@echo "  MODE=release|debug|asan|tsan|fuzz and CC=gcc|clang choose how."

check:  ## install what tests need, build, and run all of them
	deploy/dev/install-packages build run test
	$(MAKE) $(PARALLEL) all
	$(MAKE) $(PARALLEL) unit
	$(MAKE) $(PARALLEL) system
	$(MAKE) $(PARALLEL) fuzz-smoke
	$(MAKE) lint

run:  ## install what is missing, build, and walk one phone from factory to provider; Ctrl-C stops
	deploy/dev/install-packages build run
	$(MAKE) $(PARALLEL) all
	deploy/dev/run

up:  ## the same instance in the background; var/env.sh tells a client what it needs
	deploy/dev/install-packages build run
	$(MAKE) $(PARALLEL) all
	deploy/dev/up

down:  ## stop it
	deploy/dev/down

bench:  ## speed against peers in interleaved rounds: build/bench/report.md; NAMES="…" chooses
	deploy/dev/install-packages build run bench
	$(MAKE) $(PARALLEL) all bench-programs
	BUILD=$(BUILD) tests/bench/run $(NAMES)

LINTS := $(wildcard tests/lint/*)
lint:  ## the walls of the house: layers, libraries, purity, words, heads, format, scripts
	@tests/lib/run-tests lint $(LINTS)

format:  ## clang-format every C file
	tests/lib/files '*.[ch]' | xargs clang-format -i

analyze:  ## clang-tidy over the daemons and libraries (.clang-tidy says what for)
	deploy/dev/install-packages build analyze
	$(MAKE) $(PARALLEL) all
	tests/lib/files '*.c' | grep -E '^(common|factory-ca|redirector|portal-api)/' | \
	  xargs -P $$(nproc) -I{} clang-tidy --quiet {} -- -std=gnu17 $(CPPFLAGS)

cov:  ## how much of each folder the unit tests reach: build/cov/report.txt
	@$(MAKE) $(PARALLEL) --no-print-directory MODE=debug CC=gcc BUILD=build/cov EXTRA_CFLAGS=--coverage \
	  LDLIBS='$(LDLIBS) --coverage' unit
	@tests/lib/coverage build/cov | tee build/cov/report.txt
