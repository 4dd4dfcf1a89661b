# Tests mirror the source tree: tests/unit/common/base/test_mac.c tests common/base/mac.c.
# A unit test is one check program; it links every library, so that any pure file can be tested.
UNIT_SOURCES := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null)
OBJECTS += $(call objects,$(UNIT_SOURCES))

DAEMON_LIBS := $(if $(FACTORY_CA_SOURCES),$(FACTORY_CA_LIB)) $(if $(REDIRECTOR_SOURCES),$(REDIRECTOR_LIB)) \
	$(if $(PORTAL_API_SOURCES),$(PORTAL_API_LIB))

# Objects of tests are kept, so that a second run links only what changed.
.SECONDARY: $(call objects,$(UNIT_SOURCES))

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(DAEMON_LIBS) $(LIBCOMMON)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)

.PHONY: unit
unit: $(UNIT_PROGRAMS)  ## unit tests of the pure files
	@tests/lib/run-tests unit $(UNIT_PROGRAMS)

# An integration test has real neighbours (PostgreSQL, TLS, processes): a check program, or a script
# that finds what was built in $BUILD. Helpers that are no test have other names.
INTEGRATION_SOURCES := $(shell find tests/integration -name 'test_*.c' 2>/dev/null | sort)
INTEGRATION_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(INTEGRATION_SOURCES))
INTEGRATION_SCRIPTS := $(shell find tests/integration \( -name 'test_*.sh' -o -name 'test_*.py' \) 2>/dev/null | sort) \
	$(wildcard sql/tests/run)
OBJECTS += $(call objects,$(INTEGRATION_SOURCES))
.SECONDARY: $(call objects,$(INTEGRATION_SOURCES))

INTEGRATION_TOOLS := $(BUILD)/bin/csrs $(BUILD)/bin/sealed \
	$(addprefix $(BUILD)/tests/lib/,flaky_token.so die_at.so fail_at.so interrupted.so) $(INTEGRATION_PROGRAMS)

.PHONY: integration
integration: all $(INTEGRATION_TOOLS)  ## one daemon or layer at a time, with its real neighbours
	@BUILD=$(BUILD) tests/lib/run-tests integration $(INTEGRATION_PROGRAMS) $(INTEGRATION_SCRIPTS)

# Tools that tests and benches run.
$(BUILD)/bin/csrs: $(BUILD)/tests/lib/csrs.o $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
OBJECTS += $(call objects,tests/lib/csrs.c)
$(BUILD)/bin/sealed: $(BUILD)/tests/lib/sealed.o $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
OBJECTS += $(call objects,tests/lib/sealed.c)

# A PKCS#11 module that fails on demand.
$(BUILD)/tests/lib/flaky_token.so: tests/lib/flaky_token.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

# Kills its process at a system call that a test names.
$(BUILD)/tests/lib/die_at.so: tests/lib/die_at.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

# Takes a signal that breaks off what waits.
$(BUILD)/tests/lib/interrupted.so: tests/lib/interrupted.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

# Makes system calls on the spool and the log fail.
$(BUILD)/tests/lib/fail_at.so: tests/lib/fail_at.c
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

# Tools of benches: tests/bench/NAME.c is bin/NAME.
BENCH_SOURCES := $(wildcard tests/bench/*.c)
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,$(BUILD)/bin/%,$(BENCH_SOURCES)) $(BUILD)/bin/csrs $(BUILD)/bin/sealed $(BUILD)/tests/lib/flaky_token.so
OBJECTS += $(call objects,$(BENCH_SOURCES))
.SECONDARY: $(call objects,$(BENCH_SOURCES))

$(patsubst tests/bench/%.c,$(BUILD)/bin/%,$(BENCH_SOURCES)): $(BUILD)/bin/%: $(BUILD)/tests/bench/%.o $(DAEMON_LIBS) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS)

E2E_TESTS := $(wildcard tests/e2e/test_*.py)
.PHONY: e2e
e2e: all $(BUILD)/bin/csrs  ## the journey and its faults, on the real daemons
	@BUILD=$(BUILD) tests/lib/run-tests e2e $(E2E_TESTS)

HOSTILE_TESTS := $(wildcard tests/hostile/test_*.py)
.PHONY: hostile
hostile: all $(BENCH_PROGRAMS)  ## bad input and faults, on the real daemons
	@BUILD=$(BUILD) tests/lib/run-tests hostile $(HOSTILE_TESTS)

# One after the other: what they measure is memory, and who dies when.
SOAK_TESTS := tests/integration/factory-ca-front/test_kill_points.py tests/integration/portal-api/test_jobs.py \
	tests/hostile/test_soak.py
.PHONY: soak
soak: all $(INTEGRATION_TOOLS) $(BENCH_PROGRAMS)  ## kill points, endurance and large jobs at the sizes of a release: a quarter of an hour
	@BUILD=$(BUILD) JOBS=1 LIMIT_S=7200 FIRSTRING_FAULT_STEPS=12 FIRSTRING_FAULT_POINTS=100 FIRSTRING_FAULT_ISSUANCES=2000 \
	  HOSTILE_REQUESTS=200000 HOSTILE_FAILURES=50000 HOSTILE_RESETS=10000 ATOMIC_ROWS=100000 tests/lib/run-tests soak $(SOAK_TESTS)

CHECKLIST_TESTS := tests/checklist/test_checklist.py
.PHONY: checklist
checklist: all $(BUILD)/bin/csrs  ## the checklist of the ITSPA recommendations: a packet capture, a TLS scan, an interrupted boot
	@BUILD=$(BUILD) tests/lib/run-tests checklist $(CHECKLIST_TESTS)

# Pictures of every view are left in build/pages/pictures.
PAGES_TESTS := tests/pages/test_pages.py
.PHONY: pages
pages: all $(BUILD)/bin/csrs  ## the portal's pages in headless Chromium, on the real daemons
	@tests/pages/prepare
	@BUILD=$(BUILD) tests/lib/run-tests pages $(PAGES_TESTS)

.PHONY: system
system: all $(INTEGRATION_TOOLS) $(BENCH_PROGRAMS)  ## integration, e2e, hostile, checklist and pages, all in one go
	@tests/pages/prepare
	@BUILD=$(BUILD) tests/lib/run-tests system $(INTEGRATION_PROGRAMS) $(INTEGRATION_SCRIPTS) $(E2E_TESTS) \
	  $(HOSTILE_TESTS) $(CHECKLIST_TESTS) $(PAGES_TESTS)

# A fuzz target is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput() and a corpus in
# tests/fuzz/corpus/NAME. In MODE=fuzz libFuzzer drives it; in other modes it replays its corpus.
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SOURCES))
FUZZ_MAIN := $(if $(filter fuzz,$(MODE)),,$(BUILD)/tests/fuzz/replay.o)
OBJECTS += $(call objects,$(FUZZ_SOURCES) tests/fuzz/replay.c)
.SECONDARY: $(call objects,$(FUZZ_SOURCES))

$(FUZZ_PROGRAMS): $(BUILD)/%: $(BUILD)/%.o $(FUZZ_MAIN) $(DAEMON_LIBS) $(LIBCOMMON)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(LDLIBS)

.PHONY: fuzz fuzz-smoke fuzz-programs fuzz-replay
fuzz-programs: $(FUZZ_PROGRAMS)
fuzz-replay: $(FUZZ_PROGRAMS)
	@tests/lib/run-tests fuzz-smoke $(FUZZ_PROGRAMS)

fuzz-smoke:  ## replay every fuzz corpus under the sanitizers
	@$(MAKE) --no-print-directory MODE=asan fuzz-replay

fuzz:  ## fuzz every target for FUZZ_SECONDS (60) each; TARGETS="conf text" chooses
	@$(MAKE) --no-print-directory MODE=fuzz fuzz-programs
	@tests/lib/run-fuzz $(if $(TARGETS),$(patsubst %,build/fuzz/tests/fuzz/fuzz_%,$(TARGETS)),$(patsubst %.c,build/fuzz/%,$(FUZZ_SOURCES)))
