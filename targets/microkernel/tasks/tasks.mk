# Tasks: each program is a folder of tasks/ that is named here: all C files in it, and lib/; with more where it says so here.
PROGRAMS := init hello bench test stress net ramfs console shell redis http dns trial
LIB := $(patsubst %,$(B)/tasks/lib/%.o,start serve text memory thread calls string clock batch files net console)

# The network server is lwIP with what is in net/: lwIP's own files with their own warnings.
LWIP := build/lwip/src
LWIP_PARTS := $(addprefix core/,def inet_chksum init ip mem memp netif pbuf tcp tcp_in tcp_out timeouts udp) \
	$(addprefix core/ipv4/,etharp icmp ip4 ip4_addr ip4_frag) netif/ethernet
LWIP_FLAGS := -Itasks/net -Itasks/net/port -isystem $(LWIP)/include -Itasks/lib -MD
net_LIBS := $(LWIP_PARTS:%=$(B)/lwip-objects/%.o)
$(B)/tasks/net/%.o: CFLAGS += $(LWIP_FLAGS)
$(B)/lwip-objects/%.o: $(LWIP)/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out $(WARN),$(CFLAGS)) -Wall $(LWIP_FLAGS) -c -o $@ $<

# What measures how late tasks are.
test_LIBS := $(B)/tasks/lib/periods.o
stress_LIBS := $(test_LIBS)
# Other spaces than a program's own are made as the conformance tests make them.
trial_LIBS := $(B)/tasks/test/other.o

# Applications are a protocol core and the driver of app/.
APP_DRIVER := $(patsubst %,$(B)/tasks/app/%.o,guest guest_files text)
APPLICATIONS := redis http dns
$(foreach a,$(APPLICATIONS),$(eval $(a)_LIBS := $(APP_DRIVER)))
$(APPLICATIONS:%=$(B)/tasks/%/%.o): CFLAGS += -Itasks/app

define program
$(B)/tasks/$(1).elf: $$(patsubst %.c,$(B)/%.o,$$(wildcard tasks/$(1)/*.c)) $(LIB) $$($(1)_LIBS) tasks/tasks.lds
	$(CC) $(LDFLAGS) -T tasks/tasks.lds -o $$@ $$(filter %.o,$$^) -lgcc
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

tasks: $(PROGRAMS:%=$(B)/tasks/%.elf)
-include $(wildcard $(B)/tasks/*/*.d) $(net_LIBS:.o=.d)
