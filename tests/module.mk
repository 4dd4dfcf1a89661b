# Tests mirror the source tree: tests/unit/common/base/test_mac.c tests common/base/mac.c.
# A unit test is one check program; it links every library, so that any pure file can be tested.
UNIT_SOURCES := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null)
OBJECTS += $(call objects,$(UNIT_SOURCES))

DAEMON_LIBS := $(if $(FACTORY_CA_SOURCES),$(FACTORY_CA_LIB)) $(if $(REDIRECTOR_SOURCES),$(REDIRECTOR_LIB)) \
	$(if $(PORTAL_API_SOURCES),$(PORTAL_API_LIB))

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(DAEMON_LIBS) $(LIBCOMMON)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(LDLIBS)

.PHONY: unit
unit: $(UNIT_PROGRAMS)  ## unit tests of the pure files
	@tests/lib/run-units $(UNIT_PROGRAMS)

# Tools that tests and benches run.
$(BUILD)/bin/csrs: $(BUILD)/tests/lib/csrs.o $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
OBJECTS += $(call objects,tests/lib/csrs.c)

.PHONY: e2e
e2e: all $(BUILD)/bin/csrs  ## the journey and its faults, on the real daemons
	BUILD=$(BUILD) tests/lib/run-e2e
