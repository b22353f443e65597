/* Command line of the generator. */
#ifndef KXB_OPTIONS_H
#define KXB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "schedule.h"

#define EXIT_REFUSED 1
#define EXIT_USAGE 2

struct options {
	struct sockaddr_storage address;
	socklen_t address_length;
	const char *host, *port;
	const char *requests;
	bool closed, dry_run;
	double rate; /* per second; 0 in the closed loop */
	uint64_t duration_ns, warmup_ns, drain_ns, timeout_ns, spin_ns, timeline_ns;
	uint32_t connections, pipeline;
	enum arrivals arrivals;
	enum choice choice;
	uint64_t seed;
	double late_share;
};

/* Fills o or prints one line to standard error and exits with EXIT_USAGE. */
void options_parse(struct options *o, int argc, char **argv);

/* Prints "openloop: ..." and exits. */
_Noreturn void die(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
