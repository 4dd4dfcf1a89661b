# The portal-api daemon: everything but main.c is a library, so that tests link it.
PORTAL_API_SOURCES := $(filter-out %/main.c,$(shell find portal-api -name '*.c' | sort))
PORTAL_API_OBJECTS := $(call objects,$(PORTAL_API_SOURCES)) $(BUILD)/gen/queries_portal-api.o $(BUILD)/gen/queries_status.o \
	$(BUILD)/gen/queries_courier.o $(BUILD)/gen/web_files.o
PORTAL_API_LIB := $(BUILD)/libportal-api.a
OBJECTS += $(call objects,$(PORTAL_API_SOURCES) portal-api/main.c)

$(PORTAL_API_OBJECTS) $(BUILD)/portal-api/main.o: | $(BUILD)/gen/queries_portal-api.h $(BUILD)/gen/queries_status.h $(BUILD)/gen/queries_courier.h

# The document is compiled in, see resources/openapi.c.
$(BUILD)/portal-api/resources/openapi.o: portal-api/openapi.json

# So are the pages. The folder too: a file that went must not stay.
WEB_FILES := $(shell find portal-api/web -type f 2>/dev/null | sort)
$(BUILD)/gen/web_files.c: portal-api/web-to-c $(WEB_FILES) $(sort $(dir $(WEB_FILES)))
	@mkdir -p $(@D)
	portal-api/web-to-c portal-api/web $@

$(PORTAL_API_LIB): $(PORTAL_API_OBJECTS)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/bin/portal-api: $(BUILD)/portal-api/main.o $(PORTAL_API_LIB) $(LIBCOMMON)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(shell pkg-config --libs libcurl)

ifneq ($(wildcard portal-api/main.c),)
PROGRAMS += $(BUILD)/bin/portal-api
endif
