/* The shell's commands that use the network, by plain sockets. */
#include "../lib/console.h"
#include "../lib/net.h"
#include "shell.h"

#define WAIT_US 20000000u         /* for others, whose machine may stand still for seconds */

static uint32_t number(const char **text)
{
	uint32_t value = 0;

	while (**text >= '0' && **text <= '9')
		value = value * 10 + (uint32_t)(*(*text)++ - '0');
	return value;
}

static uint16_t port_of(const char *text) { return (uint16_t)number(&text); }

static uint32_t address_of(const char *text)
{
	uint32_t address = 0;

	for (int i = 0; i < 4; i++) {
		address = address << 8 | (number(&text) & 255);
		text += *text == '.';
	}
	return address;
}

/* Closes the socket and says what became of it. */
static void over(const char *what, int socket, unsigned bytes, int error)
{
	net_close(socket);
	if (error < 0)
		console_print("%s: error %d\n", what, error);
	else
		console_print("%s: %u bytes\n", what, bytes);
}

void shell_get(char **words)
{
	char text[1024];
	int socket = net_connect(address_of(words[0]), port_of(words[1]), WAIT_US), n = socket;
	unsigned all = 0;

	if (socket >= 0)
		n = net_send(socket, text, mk_format(text, sizeof text, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", words[2], words[0]), WAIT_US);
	while (n >= 0 && (n = net_receive(socket, text, sizeof text, WAIT_US)) > 0) {
		console_write(text, (size_t)n);
		all += (unsigned)n;
	}
	over("get", socket, all, n);
}

void shell_echo(char **words)
{
	static char data[8192];
	int listener = net_listen(port_of(words[0])), socket, n;
	unsigned all = 0;

	console_print("echo: %s %d\n", listener < 0 ? "error" : "socket", listener);
	socket = n = net_accept(listener, 4 * WAIT_US);
	while (n >= 0 && (n = net_receive(socket, data, sizeof data, WAIT_US)) > 0) {
		all += (unsigned)n;
		n = net_send(socket, data, (size_t)n, WAIT_US);
	}
	over("echo", socket, all, n);
	net_close(listener);
}

void shell_datagram(char **words)
{
	static char data[NET_DATAGRAM_MOST];
	int socket = net_datagrams(port_of(words[0])), n;
	uint32_t address;
	uint16_t port;

	console_print("datagram: %s %d\n", socket < 0 ? "error" : "socket", socket);
	n = net_receive_from(socket, &address, &port, data, sizeof data, 4 * WAIT_US);
	if (n >= 0 && (unsigned)n <= sizeof data)
		net_send_to(socket, address, port, data, (size_t)n);
	over("datagram", socket, (unsigned)(n < 0 ? 0 : n), n);
}
