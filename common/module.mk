# libcommon.a: what the daemons share, in layers (see common/README.md).
COMMON_SOURCES := $(wildcard common/base/*.c common/conf/*.c common/pki/*.c common/answer/*.c common/net/*.c common/db/*.c)
LIBCOMMON := $(BUILD)/libcommon.a
OBJECTS += $(call objects,$(COMMON_SOURCES))

$(LIBCOMMON): $(call objects,$(COMMON_SOURCES))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^
