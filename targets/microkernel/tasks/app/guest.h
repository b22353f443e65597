/* The parts of the guest's driver. */
#ifndef APP_GUEST_H
#define APP_GUEST_H

const char *guest_files(void); /* gets ready -> start()'s argument */
#endif
