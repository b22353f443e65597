/* The console server, "console": the serial line, by lines. */
#ifndef MK_CONSOLE_H
#define MK_CONSOLE_H

#define CONSOLE_WRITE 1   /* word 0 bytes; words 7, 8 the pages they are in, MK_READ -> word 0: bytes, or MK_E* */
#define CONSOLE_READ 2    /* -> word 0 bytes, words 1.. so many of what was typed; answered when a line is complete. A piece
			   * that ends with a line feed ends its line. A second call of a program ends the first: MK_EBUSY */
#define CONSOLE_PIECE 36  /* bytes of one answer at most */
#define CONSOLE_LINE 255  /* bytes of a line at most: what is typed beyond is not taken */
#endif
