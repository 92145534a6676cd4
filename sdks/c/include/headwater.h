/* Headwater's small peer for programs in any language: seven functions, messages in and out.
 *
 * A message is JSON (it begins with {) or CBOR (a map); its answer has the same format. Which messages
 * there are: docs/reference/small-peer-calls.md. What must be kept to: sdks/c/README.md.
 *
 * Each function returns 0, or the number of an error (headwater_codes.h). Each may be called on any
 * thread, and within a callback. Signatures and numbers never change; messages and codes are added.
 */

#ifndef HEADWATER_H
#define HEADWATER_H

/* Made of sdks/c/src/lib.rs: see sdks/c/tests/header.rs. */

#include <stddef.h>
#include <stdint.h>
#include "headwater_codes.h"

/*
 A function of yours that is told an answer or an event. The bytes are there while it runs; copy
 what you keep. It must return: no exception and no longjmp may leave it.
 */
typedef void (*headwater_callback)(void *context,
                                   const uint8_t *message,
                                   size_t length);

/*
 A function of yours that is told that a context will not be used any more: free it here. NULL if
 there is nothing to free.
 */
typedef void (*headwater_drop)(void *context);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Opens a peer as the message `config` says. `*peer` is its number; it is never 0 and never comes
 again.

 If it cannot be opened, `*peer` is 0 and `*answer` says why; otherwise `*answer` is NULL.

 `config` has `config_length` bytes; the others can be written to.
 */
int32_t headwater_open(const uint8_t *config,
                       size_t config_length,
                       uint64_t *peer,
                       uint8_t **answer,
                       size_t *answer_length);

/*
 Does what the message `request` asks for, and waits until it is done and durable. `*answer` is
 what it gives, or says why there is nothing: give it back by `headwater_free` either way.

 `request` has `request_length` bytes; the others can be written to.
 */
int32_t headwater_call(uint64_t peer,
                       const uint8_t *request,
                       size_t request_length,
                       uint8_t **answer,
                       size_t *answer_length);

/*
 The same without waiting. If it returns 0, `on_answer` is called once with the answer, on the
 peer's thread of callbacks, after the peer was closed too; then `drop` is called once. If it
 returns an error, `on_answer` is not called, and `drop` was.

 `request` has `request_length` bytes; the functions may be called with `context` on any thread.
 */
int32_t headwater_call_async(uint64_t peer,
                             const uint8_t *request,
                             size_t request_length,
                             headwater_callback on_answer,
                             headwater_drop drop,
                             void *context);

/*
 Has `on_event` called with each event of what the message `request` watches, one at a time, on
 the peer's thread of callbacks. `*watch` is its number, and is there before the first event; it is
 never 0.

 If it returns an error, `*watch` is 0, `*answer` says why, `on_event` is not called, and `drop`
 was. Otherwise `*answer` is NULL, and `drop` is called once after the last event: when the watch or
 its peer is ended.

 `request` has `request_length` bytes; the functions may be called with `context` on any thread;
 the others can be written to.
 */
int32_t headwater_subscribe(uint64_t peer,
                            const uint8_t *request,
                            size_t request_length,
                            headwater_callback on_event,
                            headwater_drop drop,
                            void *context,
                            uint64_t *watch,
                            uint8_t **answer,
                            size_t *answer_length);

/*
 Ends a watch. After it has returned there is no event; if one runs, it waits for its end, unless it
 is called within an event. A number that is none, or was ended, does nothing.
 */
int32_t headwater_unsubscribe(uint64_t peer,
                              uint64_t watch);

/*
 Closes a peer, and waits until its files are closed, each call has its answer and each context is
 dropped: then none of your functions is called any more. Within a callback those come after it has
 returned.
 */
int32_t headwater_close(uint64_t peer);

/*
 Gives an answer back, once, with its length. NULL with 0 is nothing.

 They are what one call gave, and were not given back before.
 */
int32_t headwater_free(uint8_t *data,
                       size_t length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* HEADWATER_H */
