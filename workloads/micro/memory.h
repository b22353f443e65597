/* Private memory to dirty, as the C library maps it or with huge pages advised or refused. */
#ifndef KXB_MEMORY_H
#define KXB_MEMORY_H

#include <stddef.h>

#define PAGE_BYTES 4096u
#define HUGE_BYTES (2u << 20)

enum memory_pages { PAGES_DEFAULT, PAGES_HUGE, PAGES_NONE };
extern const char *const memory_pages[];

/* `mib` MiB, every page written once; NULL for 0. */
unsigned char *memory_dirty(long long mib, enum memory_pages pages);
/* Writes a byte of every page again, so that the pages are private and writable as after the first write. */
void memory_redirty(unsigned char *memory, long long mib);

#endif
