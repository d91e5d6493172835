// answering_server.h: a server on loopback that meets every connection with the bytes of the input.
#ifndef BV_FUZZ_ANSWERING_SERVER_H
#define BV_FUZZ_ANSWERING_SERVER_H

#include <stddef.h>
#include <stdint.h>

enum { MAX_ANSWER = 1 << 16 };

// The port of the server, which the first call starts: once a client has said something, reply()
// is called with the socket and a copy of the answer, then the connection ends.
int answering_server(void (*reply)(int fd, const uint8_t *answer, size_t size));

// What is answered from now on, at most MAX_ANSWER bytes.
void set_answer(const uint8_t *bytes, size_t size);

// Sends all, or what the client takes.
void say(int fd, const void *bytes, size_t n);

#endif
