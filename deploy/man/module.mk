# Manual pages, from the tables of the code: build/man/*.
MAN_PAGES := $(patsubst deploy/man/%.in,build/man/%,$(wildcard deploy/man/*.in))
OBJECTS += $(call objects,deploy/man/tables.c)

$(BUILD)/bin/man-tables: $(BUILD)/deploy/man/tables.o $(FACTORY_CA_LIB) $(REDIRECTOR_LIB) $(PORTAL_API_LIB) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

build/man/%: deploy/man/%.in deploy/man/render $(BUILD)/bin/man-tables $(BUILD)/bin/factory-ca
	@mkdir -p $(@D)
	@echo "  MAN     $@"
	$(Q)deploy/man/render $(BUILD) $< > $@

.PHONY: man
man: $(MAN_PAGES)  ## manual pages from the code's own tables: build/man
