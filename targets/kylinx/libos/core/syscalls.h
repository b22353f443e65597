/* How long the table of system calls is: for entry.S and syscalls.c. */
#ifndef KX_SYSCALLS_H
#define KX_SYSCALLS_H
#define SYSCALLS 453
#endif
