/* What micro.c, options.c and output.c share and programs do not need. */
#ifndef KXB_FRAME_H
#define KXB_FRAME_H

#include "micro.h"

#include <stdio.h>

void frame_guard(void);		      /* signals and the time-out end the program cleanly */
void frame_print_params(FILE *out);   /* the `params` object */

#endif
