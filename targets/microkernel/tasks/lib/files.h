/* Files, by the RAM file system server. Results below 0 are MK_E* or FILES_E*. One user at a time. */
#ifndef MK_LIB_FILES_H
#define MK_LIB_FILES_H
#include "mk.h"
#include "../../include/files.h"

struct file_status { uint32_t bytes, modified_s; bool directory; };

int file_open(const char *path, unsigned flags, struct file_status *status); /* -> file; the status may be NULL */
int file_close(int file);
int file_read(int file, uint32_t from, void *to, size_t bytes);        /* -> bytes; fewer: it ends there */
int file_write(int file, uint32_t from, const void *data, size_t bytes); /* -> bytes */
int file_status(const char *path, struct file_status *status);
int file_list(const char *path, unsigned index, char name[FILES_NAME_MOST + 1], struct file_status *status); /* FILES_ENONE: no more */
int file_make_folder(const char *path);
int file_remove(const char *path);
#endif
