# The redirector daemon: everything but main.c is a library, so that tests link it.
REDIRECTOR_SOURCES := $(filter-out %/main.c,$(shell find redirector -name '*.c' | sort))
REDIRECTOR_OBJECTS := $(call objects,$(REDIRECTOR_SOURCES)) $(BUILD)/gen/queries_redirector.o
REDIRECTOR_LIB := $(BUILD)/libredirector.a
OBJECTS += $(call objects,$(REDIRECTOR_SOURCES) redirector/main.c)

$(REDIRECTOR_OBJECTS) $(BUILD)/redirector/main.o: | $(BUILD)/gen/queries_redirector.h

$(REDIRECTOR_LIB): $(REDIRECTOR_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/redirector: $(BUILD)/redirector/main.o $(REDIRECTOR_LIB) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

ifneq ($(wildcard redirector/main.c),)
PROGRAMS += $(BUILD)/bin/redirector
endif
