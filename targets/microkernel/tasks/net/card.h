/* The network card: virtio-net (Virtio 1.1, 5.1). */
#ifndef NET_CARD_H
#define NET_CARD_H
#include "lwip/pbuf.h"
#include "mk.h"

#define CARD_ADDRESS 6            /* bytes */
#define CARD_FRAME_MOST 1514

/* A checksum that the card is to compute over what lies from start on; into start + offset, where the pseudo header's is. */
struct card_checksum { uint16_t start, offset; bool wanted; };

bool card_open(unsigned port, unsigned bits, uint8_t address[CARD_ADDRESS]);
bool card_computes_checksums(void);
void card_acknowledge(void);                 /* an interrupt has been seen */
void card_receive(void (*input)(struct pbuf *p, bool checked)); /* all that came; checked: by the card, or never sent over a wire */
uint8_t *card_frame(unsigned *buffer);       /* room for a frame, or NULL: wait */
void card_send(unsigned buffer, unsigned bytes, struct card_checksum checksum);
void card_flush(void);                       /* what was sent, and buffers for receiving, reach the device */
bool card_idle(void);                        /* interrupts again; false: something came meanwhile */
bool card_can_send_again(void);              /* once after card_frame gave none: there is room */
bool net_memory_for_received(void);          /* memory.c: whether packets may be copied, where the card's buffers are held */
#endif
