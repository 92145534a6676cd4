/* Libraries that are not the one that the SDK is for: of another list of calls, or, with WITHOUT_SUBSCRIBE, an older one
 * that lacks a function. They open whatever they are asked to. */

#include <stddef.h>
#include <stdint.h>

/* {"abi": 2, "version": "9"} in CBOR. */
static uint8_t INFO[] = {0xa2, 0x63, 'a', 'b', 'i', 2, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x61, '9'};

int32_t headwater_open(const uint8_t *config, size_t length, uint64_t *peer, uint8_t **answer, size_t *answer_length) {
  (void)config, (void)length;
  *peer = 1, *answer = NULL, *answer_length = 0;
  return 0;
}

int32_t headwater_call(uint64_t peer, const uint8_t *request, size_t length, uint8_t **answer, size_t *answer_length) {
  (void)peer, (void)request, (void)length;
  *answer = INFO, *answer_length = sizeof INFO;
  return 0;
}

int32_t headwater_call_async(void) { return 22; }
#ifndef WITHOUT_SUBSCRIBE
int32_t headwater_subscribe(void) { return 22; }
#endif
int32_t headwater_unsubscribe(uint64_t peer, uint64_t watch) { return (void)peer, (void)watch, 0; }
int32_t headwater_close(uint64_t peer) { return (void)peer, 0; }
int32_t headwater_free(uint8_t *data, size_t length) { return (void)data, (void)length, 0; }
