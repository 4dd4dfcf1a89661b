# The factory-ca daemon: everything but main.c is a library, so that tests link it.
FACTORY_CA_SOURCES := $(filter-out %/main.c,$(shell find factory-ca -name '*.c' | sort))
FACTORY_CA_OBJECTS := $(call objects,$(FACTORY_CA_SOURCES)) $(BUILD)/gen/queries_factory-ca.o $(BUILD)/gen/queries_auditor.o
FACTORY_CA_LIB := $(BUILD)/libfactory-ca.a
OBJECTS += $(call objects,$(FACTORY_CA_SOURCES) factory-ca/main.c factory-ca/line/main.c)

$(FACTORY_CA_OBJECTS) $(BUILD)/factory-ca/main.o: | $(BUILD)/gen/queries_factory-ca.h $(BUILD)/gen/queries_auditor.h

$(FACTORY_CA_LIB): $(FACTORY_CA_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/factory-ca: $(BUILD)/factory-ca/main.o $(FACTORY_CA_LIB) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# The station's client: a program of its own, from the same library.
$(BUILD)/bin/factory-line: $(BUILD)/factory-ca/line/main.o $(FACTORY_CA_LIB) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

ifneq ($(wildcard factory-ca/main.c),)
PROGRAMS += $(BUILD)/bin/factory-ca $(BUILD)/bin/factory-line
endif
