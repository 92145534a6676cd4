// A library that is another one than these headers need, and what they say of it. It stands in this program in the place
// of the real one: `fake` runs the tests.

#include <headwater/headwater.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace headwater;

// What the library says to `info`, and what its watches tell.
static std::string info, event;
static size_t closed = 0, dropped = 0, given = 0;

static void give(const std::string &text, uint8_t **answer, size_t *length) {
  *answer = static_cast<uint8_t *>(std::malloc(text.size() + 1));
  std::memcpy(*answer, text.data(), text.size());
  *length = text.size();
  ++given;
}

extern "C" {
int32_t headwater_open(const uint8_t *, size_t, uint64_t *peer, uint8_t **answer, size_t *length) {
  *peer = 1, *answer = nullptr, *length = 0;
  return 0;
}
int32_t headwater_call(uint64_t, const uint8_t *, size_t, uint8_t **answer, size_t *length) {
  give(info, answer, length);
  return info.rfind("{\"error\"", 0) == 0 ? 99 : 0;
}
int32_t headwater_call_async(uint64_t, const uint8_t *, size_t, headwater_callback, headwater_drop drop, void *context) {
  drop(context);
  return HEADWATER_ERROR_CLOSED;
}
int32_t headwater_subscribe(uint64_t, const uint8_t *, size_t, headwater_callback on_event, headwater_drop drop,
                            void *context, uint64_t *watch, uint8_t **answer, size_t *length) {
  *watch = 7, *answer = nullptr, *length = 0;
  on_event(context, reinterpret_cast<const uint8_t *>(event.data()), event.size());
  drop(context);
  ++dropped;
  return 0;
}
int32_t headwater_unsubscribe(uint64_t, uint64_t) { return 0; }
int32_t headwater_close(uint64_t) {
  ++closed;
  return 0;
}
int32_t headwater_free(uint8_t *data, size_t) {
  if (data != nullptr) --given;
  std::free(data);
  return 0;
}
}

static void check(bool holds, const char *what) {
  if (holds) return;
  std::printf("FAILED fake: %s\n", what);
  std::exit(1);
}

// The error that opening ends with, as `code: text`.
static std::string opened(const std::string &says) {
  info = says;
  closed = 0;
  try {
    Headwater peer = Headwater::open(Config("x"));
  } catch (const Error &error) {
    check(closed == 1, "a peer that is not the right one is closed");
    return error.code_name() + ": " + error.what();
  }
  return "";
}

int main() {
  check(opened(R"({"abi":1,"version":"0.1.0"})").empty(), "the right one opens");
  check(opened(R"({"abi":2,"version":"9"})") == "unsupported: the library has list 2 of calls, this program needs 1",
        "a newer library is unsupported");
  check(opened(R"({"abi":0,"version":"0"})").rfind("unsupported: ", 0) == 0, "an older library is unsupported");
  check(opened("{}").rfind("internal: ", 0) == 0, "a library that does not say is none");
  check(opened("nonsense").rfind("invalid_value: ", 0) == 0, "what is no JSON is refused");
  check(opened(R"({"error":{"code":"brand_new","message":"text"}})") == "brand_new: text", "unknown codes stay text");

  info = R"({"abi":1,"version":"0.1.0"})";
  Headwater peer = Headwater::open(Config("x"));
  event = R"({"error":{"code":"too_expensive","message":"too much"}})";
  std::string told, uncaught;
  set_uncaught_handler([&](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error &error) {
      uncaught = error.code_name();
    }
  });
  auto nothing = [](const std::vector<Json> &) {};
  Observer asked = peer.store().register_observer("SELECT", nothing, std::nullopt,
                                                  [&](const Error &error) { told = error.code_name(); });
  check(told == "too_expensive" && uncaught.empty(), "a result that cannot be had is told");
  Observer silent = peer.store().register_observer("SELECT", nothing);
  check(uncaught == "too_expensive", "or else it is uncaught");
  uncaught = "";
  event = R"({"error":{"code":"closed","message":"the peer is closed"}})";
  Observer closing = peer.store().register_observer("SELECT", nothing);
  check(uncaught.empty() && dropped == 3, "that a peer is closed is no error");
  try {
    peer.store().execute_later("SELECT");
    check(false, "a call that was not begun has no future");
  } catch (const Error &error) {
    check(error.code() == Code::closed, "a call that was not begun says why");
  }
  check(given == 0, "each answer is given back");
  std::printf("fake: all passed\n");
}
