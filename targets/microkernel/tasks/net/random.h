/* Numbers that others cannot guess: sequence numbers of connections, ports. */
#ifndef NET_RANDOM_H
#define NET_RANDOM_H
#include "lwip/ip_addr.h"

void random_start(void);
void random_stir(uint32_t what);  /* something that varies: the time of an interrupt */
uint32_t random_word(void);
uint32_t random_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote, uint16_t remote_port);
#endif
