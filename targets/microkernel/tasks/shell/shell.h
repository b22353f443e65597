/* The shell's parts. */
#ifndef SHELL_H
#define SHELL_H

void shell_get(char **words); /* connections.c */
void shell_echo(char **words);
void shell_datagram(char **words);
#endif
