/* How lwIP is built: no threads, raw API, IPv4 with TCP, UDP and ICMP. */
#ifndef NET_LWIPOPTS_H
#define NET_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_IPV6 0
#define LWIP_RAW 0
#define LWIP_STATS 0
#define LWIP_DNS 0
#define LWIP_DHCP 0
#define LWIP_ARP 1
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ARP_TABLE_SIZE 32
#define ARP_QUEUEING 0

/* Memory: blocks from the task library's allocator up to a limit (stack_memory.c); fixed pools for lwIP's own structures. */
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc net_memory_take
#define mem_clib_free net_memory_give
#define mem_clib_calloc net_memory_take_zeroed
#include <stddef.h>
void *net_memory_take(size_t bytes);
void *net_memory_take_zeroed(size_t count, size_t bytes);
void net_memory_give(void *p);
#define MEM_ALIGNMENT 4
#define MEMP_NUM_TCP_PCB 2048     /* NET_SOCKETS: what clients share fairly are those (sockets.c) */
#define MEMP_NUM_TCP_PCB_LISTEN 384 /* NET_CLIENTS * NET_BOUND_MOST */
#define MEMP_NUM_UDP_PCB 384
#define MEMP_NUM_TCP_SEG 16384    /* 65536 would wrap */
#define MEMP_NUM_PBUF 2048
#define MEMP_NUM_REASSDATA 16
#define MEMP_NUM_FRAG_PBUF 64
#define PBUF_POOL_SIZE 0          /* received packets lie in the card's buffers (card.c) */
#define IP_REASS_MAX_PBUFS 64
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define TCP_MSS 1460
#define TCP_WND (22 * TCP_MSS)
#define TCP_SND_BUF 32768
#define TCP_SND_QUEUELEN 160
#define TCP_SNDLOWAT (TCP_SND_BUF / 2)
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 2)
#define TCP_OVERSIZE TCP_MSS
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 24
#define TCP_MSL 5000              /* of TIME_WAIT: a network of one bridge has no packets of a minute ago */
#define TCP_LISTEN_BACKLOG 0
#define LWIP_TCP_KEEPALIVE 0
#define LWIP_TCP_TIMESTAMPS 0

/* Checksums: by packet, as the card says (card.c). */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHKSUM stack_checksum
unsigned short stack_checksum(const void *data, int bytes);

/* Of a few bytes, as many as are known here: without a call. */
#define SMEMCPY(to, from, bytes) __builtin_memcpy(to, from, bytes)

#define LWIP_HOOK_TCP_ISN random_sequence
#define LWIP_HOOK_FILENAME "random.h"
#define LWIP_NETIF_LINK_CALLBACK 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#endif
