# The LibOS in an ordinary process: make hosted-test TEST=path/to/test.c [SAN=1] [HOSTED_PARTS="core fs"]
HOSTED_PARTS ?= core mm fs ipc signal
ifdef SAN
HOSTED_SAN = -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined -DKX_ASAN
HB = $(B)/hosted-san
else
HB = $(B)/hosted
endif
HOSTED_BASE = -std=gnu11 -O1 -g $(WARN) -fno-omit-frame-pointer -fno-strict-aliasing -fno-pie -Ilibos -DKX_HOSTED \
	-DKX_TASK_STACK_PAGES=64 -include libos/hosted/va.h
HOSTED_GUEST = $(HOSTED_BASE) -ffreestanding
HOSTED_HOST = $(HOSTED_BASE) -D_GNU_SOURCE $(if $(SAN),-DKX_ASAN)
HOSTED_C = $(filter-out libos/core/hypercall.c libos/core/stubs.c,$(foreach p,$(HOSTED_PARTS),$(wildcard libos/$(p)/*.c)))
HOSTED_O = $(HOSTED_C:libos/%.c=$(HB)/%.o) $(HB)/core/switch.S.o $(HB)/core/uaccess.S.o $(HB)/hosted/slot.o $(HB)/hosted/stubs.o
HOSTED_HOST_O = $(HB)/hosted/main.o $(HB)/hosted/hypercall.o

# what implements the heap marks memory itself, and touches what it has marked
$(HB)/core/heap.o $(HB)/core/pages.o: HOSTED_NO_SAN = -fno-sanitize=address
$(HB)/%.o: libos/%.c $(HEADERS) libos/hosted/hosted.mk
	@mkdir -p $(@D)
	$(CC) $(HOSTED_GUEST) $(HOSTED_SAN) $(HOSTED_NO_SAN) -c -o $@ $<
$(HB)/%.S.o: libos/%.S $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_BASE) -c -o $@ $<
$(HOSTED_HOST_O): $(HB)/%.o: libos/%.c $(HEADERS) libos/hosted/hosted.mk
	@mkdir -p $(@D)
	$(CC) $(HOSTED_HOST) -c -o $@ $<
$(HB)/test/%.o: FORCE
	@mkdir -p $(@D)
	$(CC) $(HOSTED_GUEST) -Ilibos/hosted $(HOSTED_SAN) -c -o $@ $(TEST)
$(HB)/%.test: $(HB)/test/%.o $(HOSTED_O) $(HOSTED_HOST_O)
	$(CC) -no-pie $(HOSTED_SAN) -Wl,-z,noexecstack -o $@ $^ -lpthread

hosted: $(HOSTED_O) $(HOSTED_HOST_O)
hosted-test: $(HB)/$(basename $(notdir $(TEST))).test
	@echo $<
FORCE:
.PHONY: hosted hosted-test FORCE
