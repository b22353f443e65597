/* Lines to and from the console server. Results below 0 are MK_E*. */
#ifndef MK_LIB_CONSOLE_H
#define MK_LIB_CONSOLE_H
#include "mk.h"
#include "../../include/console.h"

int console_write(const char *text, size_t bytes);
int console_print(const char *format, ...) MK_PRINTF(1);
int console_read_line(char *line, size_t size, unsigned us); /* -> bytes, without the line's end; us 0: waits for ever */
#endif
