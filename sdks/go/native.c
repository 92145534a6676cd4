/* Calls of the library: found when it is loaded, or linked with (-DHEADWATER_STATIC). */

#include "native.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "headwater.h"

/* Of Go (native.go). */
extern void headwaterTell(uintptr_t context, uint8_t *message, size_t length);
extern void headwaterDrop(uintptr_t context);

static void on_message(void *context, const uint8_t *message, size_t length) {
  headwaterTell((uintptr_t)context, (uint8_t *)message, length);
}

static void on_drop(void *context) { headwaterDrop((uintptr_t)context); }

static struct {
  __typeof__(&headwater_open) open;
  __typeof__(&headwater_call) call;
  __typeof__(&headwater_call_async) call_async;
  __typeof__(&headwater_subscribe) subscribe;
  __typeof__(&headwater_unsubscribe) unsubscribe;
  __typeof__(&headwater_close) close;
  __typeof__(&headwater_free) free;
} library;

#ifdef HEADWATER_STATIC

char *native_load(const char *path) {
  (void)path;
  library.open = headwater_open;
  library.call = headwater_call;
  library.call_async = headwater_call_async;
  library.subscribe = headwater_subscribe;
  library.unsubscribe = headwater_unsubscribe;
  library.close = headwater_close;
  library.free = headwater_free;
  return NULL;
}

#else

/* It stays loaded: its threads run in it. */
char *native_load(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) return strdup(dlerror());
#define FIND(name)                                                    \
  *(void **)&library.name = dlsym(handle, "headwater_" #name);        \
  if (library.name == NULL) return strdup("it has no headwater_" #name)
  FIND(open);
  FIND(call);
  FIND(call_async);
  FIND(subscribe);
  FIND(unsubscribe);
  FIND(close);
  FIND(free);
#undef FIND
  return NULL;
}

#endif

native_answer native_open(const uint8_t *config, size_t length) {
  native_answer answer = {0};
  answer.error = library.open(config, length, &answer.made, &answer.data, &answer.length);
  return answer;
}

native_answer native_call(uint64_t peer, const uint8_t *request, size_t length) {
  native_answer answer = {0};
  answer.error = library.call(peer, request, length, &answer.data, &answer.length);
  return answer;
}

int32_t native_call_async(uint64_t peer, const uint8_t *request, size_t length, uintptr_t context) {
  return library.call_async(peer, request, length, on_message, on_drop, (void *)context);
}

native_answer native_subscribe(uint64_t peer, const uint8_t *request, size_t length, uintptr_t context) {
  native_answer answer = {0};
  answer.error = library.subscribe(peer, request, length, on_message, on_drop, (void *)context, &answer.made, &answer.data,
                                   &answer.length);
  return answer;
}

int32_t native_unsubscribe(uint64_t peer, uint64_t watch) { return library.unsubscribe(peer, watch); }

int32_t native_close(uint64_t peer) { return library.close(peer); }

void native_free(uint8_t *data, size_t length) { library.free(data, length); }

void native_call_often(uint64_t peer, const uint8_t *request, size_t length, int64_t times) {
  while (times-- > 0) {
    native_answer answer = native_call(peer, request, length);
    native_free(answer.data, answer.length);
  }
}
