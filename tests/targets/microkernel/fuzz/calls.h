/* Fuzzing the system-call layer: the core in one unit, so that its insides can be looked at. */
#ifndef CALLS_H
#define CALLS_H
#include "calls_host.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../targets/microkernel/core/kernel.h"

#define HOST_PAGES 320u
#define HOST_INITRD_PAGES 3u
extern u32 host_first_page;       /* below: the kernel's table of users */

void check_all(bool thoroughly);
u32 slab_pages(void);
#endif
