/* The library's seven functions as cgo calls them: answers come back as values, contexts are numbers.
 *
 * Invariants: no pointer of Go is kept by C; a function that was not found is never called.
 * Not here: what is said (port.go). */

#ifndef HEADWATER_GO_NATIVE_H
#define HEADWATER_GO_NATIVE_H

#include <stddef.h>
#include <stdint.h>

/* An answer, or nothing, and the number of what was made: a peer or a watch. */
typedef struct {
  int32_t error;
  uint8_t *data;
  size_t length;
  uint64_t made;
} native_answer;

/* Finds the functions in the library at this path: NULL, or why it cannot (free it). */
char *native_load(const char *path);

native_answer native_open(const uint8_t *config, size_t length);
native_answer native_call(uint64_t peer, const uint8_t *request, size_t length);
int32_t native_call_async(uint64_t peer, const uint8_t *request, size_t length, uintptr_t context);
native_answer native_subscribe(uint64_t peer, const uint8_t *request, size_t length, uintptr_t context);
int32_t native_unsubscribe(uint64_t peer, uint64_t watch);
int32_t native_close(uint64_t peer);
/* The same call many times, each answer given back: what it costs without Go. */
void native_call_often(uint64_t peer, const uint8_t *request, size_t length, int64_t times);
void native_free(uint8_t *data, size_t length);

#endif
