/* The parts of the host driver. */
#ifndef APP_HOST_H
#define APP_HOST_H
#include "app.h"

void host_files(const char *folder); /* where the application's "/" is */
void host_memory(size_t bytes);       /* how much may be allocated */
#endif
