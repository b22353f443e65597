# Tasks: each folder of tasks/ but lib is a program; with more than its own C files where it says so here.
PROGRAMS := init hello bench
LIB := $(patsubst %,$(B)/tasks/lib/%.o,start text memory thread calls string)

define program
$(B)/tasks/$(1).elf: $$(patsubst %.c,$(B)/%.o,$$(wildcard tasks/$(1)/*.c)) $(LIB) tasks/tasks.lds
	$(CC) $(LDFLAGS) -T tasks/tasks.lds -o $$@ $$(filter %.o,$$^) $$($(1)_LIBS) -lgcc
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

tasks: $(PROGRAMS:%=$(B)/tasks/%.elf)
-include $(wildcard $(B)/tasks/*/*.d)
