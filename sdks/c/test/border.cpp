// The rules of the border, one test each: numbers, bytes, contexts.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "driver.hpp"

static const uint8_t *const BYTES = reinterpret_cast<const uint8_t *>("{}");

TEST(documents_come_and_go) {
  Peer peer;
  Answer written = call(peer.number, R"({"call":"upsert","collection":"people","value":{"_id":"s","age":31}})");
  CHECK(written.number == 0 && written.text == R"({"id":"s","sequence":1})");
  Answer found = call(peer.number, R"({"call":"find_by_id","collection":"people","id":"s"})");
  CHECK(found.number == 0 && found.text == R"({"document":{"_id":"s","age":31}})");
}

TEST(an_answer_has_the_format_of_its_request) {
  Peer peer;
  using namespace std::string_literals;
  CHECK(call(peer.number, R"({"call":"echo","value":[-1,1.5,null]})").text == R"({"value":[-1,1.5,null]})");
  CHECK(call(peer.number, "\xa2\x64"s + "call\x64" + "echo\x65value\x20").text == "\xa1\x65value\x20");
  Answer error = call(peer.number, "\xa1\x64"s + "call\x63" + "fly");
  CHECK(error.number == HEADWATER_ERROR_UNSUPPORTED && error.text.rfind("\xa1\x65"s + "error\xa2", 0) == 0);
  CHECK(call(0, "\xa1\x64"s + "call\x63" + "fly").text.rfind("\xa1\x65"s + "error\xa2", 0) == 0);
}

TEST(an_error_is_a_number_and_an_answer) {
  Peer peer;
  CHECK(call(peer.number, R"({"call":"fly"})").is_error(HEADWATER_ERROR_UNSUPPORTED));
  CHECK(call(peer.number, R"({"call":"execute","statement":"SELECT"})").is_error(HEADWATER_ERROR_INVALID_QUERY));
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":1})").is_error(HEADWATER_ERROR_INVALID_VALUE));
  CHECK(call(peer.number, R"({"call":"start_sync"})").is_error(HEADWATER_ERROR_NO_SERVER));
  CHECK(call(peer.number, "[]").is_error(HEADWATER_ERROR_INVALID_MESSAGE));
  CHECK(call(peer.number, "").is_error(HEADWATER_ERROR_INVALID_MESSAGE));
  CHECK(call(peer.number, R"({"call":"echo","value":{"error":{"code":"closed"}}})").number == 0);
}

TEST(what_cannot_be_opened_has_no_number) {
  Peer peer;
  uint64_t other = 7;
  CHECK(open(peer.folder.config(), other).is_error(HEADWATER_ERROR_IN_USE) && other == 0);
  CHECK(open(R"({"abi":2,"dir":"x"})", other).is_error(HEADWATER_ERROR_UNSUPPORTED));
  CHECK(open(R"({"abi":1})", other).is_error(HEADWATER_ERROR_INVALID_MESSAGE));
  CHECK(open(R"({"abi":1,"dir":"/dev/null/x"})", other).is_error(HEADWATER_ERROR_OPEN_FAILED));
  CHECK(open("", other).is_error(HEADWATER_ERROR_INVALID_MESSAGE) && other == 0);
}

TEST(a_number_that_is_none_is_closed) {
  Peer peer;
  uint64_t closed = peer.number;
  CHECK(headwater_close(closed) == 0);
  for (uint64_t number : {closed, uint64_t{0}, closed + 1000, UINT64_MAX}) {
    CHECK(call(number, R"({"call":"info"})").is_error(HEADWATER_ERROR_CLOSED));
    Told told;
    CHECK(call_async(number, R"({"call":"info"})", told) == HEADWATER_ERROR_CLOSED);
    CHECK(told.drops() == 1 && told.count() == 0);
    Told watching;
    CHECK(subscribe(number, R"({"watch":"state"})", watching) == 0);
    CHECK(watching.drops() == 1 && watching.count() == 0);
    CHECK(headwater_unsubscribe(number, 1) == HEADWATER_ERROR_CLOSED);
    CHECK(headwater_close(number) == HEADWATER_ERROR_CLOSED);
  }
  Peer next;
  CHECK(next.number != closed);
}

TEST(null_is_refused_where_something_must_be) {
  Peer peer;
  uint8_t *answer = nullptr;
  size_t length = 0;
  uint64_t number = 0;
  const int32_t refused = HEADWATER_ERROR_INVALID_MESSAGE;
  CHECK(headwater_open(BYTES, 2, nullptr, &answer, &length) == refused && answer == nullptr && length == 0);
  CHECK(headwater_open(BYTES, 2, &number, nullptr, &length) == refused);
  CHECK(headwater_open(BYTES, 2, &number, &answer, nullptr) == refused && answer == nullptr);
  CHECK(headwater_call(peer.number, BYTES, 2, nullptr, &length) == refused && length == 0);
  CHECK(headwater_call(peer.number, BYTES, 2, &answer, nullptr) == refused && answer == nullptr);
  for (size_t impossible : {size_t{1}, SIZE_MAX}) {
    CHECK(headwater_open(nullptr, impossible, &number, &answer, &length) == refused && answer != nullptr);
    CHECK(headwater_free(answer, length) == 0);
    CHECK(headwater_call(peer.number, nullptr, impossible, &answer, &length) == refused && answer != nullptr);
    CHECK(headwater_free(answer, length) == 0);
  }
  CHECK(headwater_call(peer.number, BYTES, SIZE_MAX, &answer, &length) == refused);
  CHECK(headwater_free(answer, length) == 0);
  CHECK(headwater_call(peer.number, nullptr, 0, &answer, &length) == refused);
  CHECK(headwater_free(answer, length) == 0);
  CHECK(headwater_free(nullptr, 0) == 0 && headwater_free(nullptr, 1) == refused);
}

TEST(a_context_is_dropped_once_when_a_call_fails_at_once) {
  Peer peer;
  uint8_t *answer = nullptr;
  size_t length = 0;
  uint64_t watch = 1;
  auto refused = [&](auto &&call) {
    Told told;
    answer = nullptr, length = 0;
    CHECK(call(told) == HEADWATER_ERROR_INVALID_MESSAGE);
    CHECK(told.drops() == 1 && told.count() == 0);
    headwater_free(answer, length);
  };
  const auto on = Told::on_message;
  const auto drop = Told::on_drop;
  refused([&](Told &it) { return headwater_call_async(peer.number, BYTES, 2, nullptr, drop, &it); });
  refused([&](Told &it) { return headwater_call_async(peer.number, nullptr, 2, on, drop, &it); });
  auto subscribe = [&](const uint8_t *bytes, headwater_callback on, uint64_t *watch, uint8_t **answer, size_t *length) {
    return [=, &peer](Told &it) {
      return headwater_subscribe(peer.number, bytes, 2, on, Told::on_drop, &it, watch, answer, length);
    };
  };
  refused(subscribe(nullptr, on, &watch, &answer, &length));
  refused(subscribe(BYTES, nullptr, &watch, &answer, &length));
  refused(subscribe(BYTES, on, nullptr, &answer, &length));
  refused(subscribe(BYTES, on, &watch, nullptr, &length));
  refused(subscribe(BYTES, on, &watch, &answer, nullptr));
  refused(subscribe(BYTES, on, &watch, &answer, &length));
  CHECK(watch == 0);
}

TEST(a_context_may_be_null_and_need_no_drop) {
  Peer peer;
  static std::atomic<int> answers;
  auto on_answer = [](void *context, const uint8_t *, size_t) { answers += context == nullptr ? 1 : 100; };
  std::string_view request = R"({"call":"info"})";
  auto bytes = reinterpret_cast<const uint8_t *>(request.data());
  CHECK(headwater_call_async(peer.number, bytes, request.size(), on_answer, nullptr, nullptr) == 0);
  headwater_close(peer.number);
  CHECK(answers == 1);
}

TEST(an_async_call_has_one_answer_and_then_its_drop) {
  Peer peer;
  for (std::string_view request : {R"({"call":"upsert","collection":"a","value":{"_id":1}})", R"({"call":"info"})",
                                   R"({"call":"find","collection":"a"})", R"({"call":"state"})",
                                   R"({"call":"find_by_id","collection":"a","id":1})"}) {
    Told told;
    CHECK(call_async(peer.number, request, told) == 0);
    Answer answer{0, told.wait(1)};
    CHECK(!answer.has("error"));
    told.wait_for_drop();
    CHECK(told.count() == 1 && told.drops() == 1);
  }
  Told refused;
  CHECK(call_async(peer.number, R"({"call":"fly"})", refused) == 0);
  CHECK(Answer({HEADWATER_ERROR_UNSUPPORTED, refused.wait(1)}).is_error(HEADWATER_ERROR_UNSUPPORTED));
  refused.wait_for_drop();
}

TEST(each_pending_call_is_answered_after_close) {
  Peer peer;
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{}})").number == 0);
  std::vector<Told> told(100);
  for (size_t number = 0; number < told.size(); ++number) {
    const char *request = number % 2 == 0 ? R"({"call":"flushed"})" : R"({"call":"find","collection":"a"})";
    CHECK(call_async(peer.number, request, told[number]) == 0);
  }
  CHECK(headwater_close(peer.number) == 0);
  for (size_t number = 0; number < told.size(); ++number) {
    CHECK(told[number].count() == 1 && told[number].drops() == 1);
    if (number % 2 == 0) {
      CHECK(Answer({HEADWATER_ERROR_CLOSED, told[number].wait(1)}).is_error(HEADWATER_ERROR_CLOSED));
    }
  }
}

TEST(events_begin_with_what_is_there_and_end_with_unsubscribe) {
  Peer peer;
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":1}})").number == 0);
  Told told;
  uint64_t watch = subscribe(peer.number, R"({"watch":"select","statement":"SELECT * FROM a"})", told);
  CHECK(told.wait(1) == R"({"items":[{"_id":1}]})");
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":2}})").number == 0);
  CHECK(told.wait(2) == R"({"items":[{"_id":1},{"_id":2}]})");
  CHECK(headwater_unsubscribe(peer.number, watch) == 0);
  CHECK(told.drops() == 1);
  CHECK(headwater_unsubscribe(peer.number, watch) == 0);
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":3}})").number == 0);
  Told later;
  subscribe(peer.number, R"({"watch":"state"})", later);
  later.wait(1);
  CHECK(told.count() == 2);
  CHECK(headwater_close(peer.number) == 0);
  CHECK(later.drops() == 1);
}

TEST(the_number_of_a_watch_is_there_before_its_first_event) {
  Peer peer;
  for (int round = 0; round < 200; ++round) {
    static std::atomic<uint64_t> seen;
    static uint64_t watch;
    watch = 0, seen = 0;
    uint8_t *answer = nullptr;
    size_t length = 0;
    auto on_event = [](void *, const uint8_t *, size_t) { seen = watch; };
    std::string_view request = R"({"watch":"state"})";
    auto bytes = reinterpret_cast<const uint8_t *>(request.data());
    CHECK(headwater_subscribe(peer.number, bytes, request.size(), on_event, nullptr, nullptr, &watch, &answer,
                              &length) == 0);
    while (seen == 0) std::this_thread::yield();
    CHECK(seen == watch);
    CHECK(headwater_unsubscribe(peer.number, watch) == 0);
  }
}

TEST(a_watch_may_be_ended_in_its_event) {
  Peer peer;
  Told told;
  std::atomic<uint64_t> watch{0};
  told.meanwhile = [&](size_t) {
    while (watch == 0) std::this_thread::yield();
    if (headwater_unsubscribe(peer.number, watch) != 0) std::abort();
  };
  watch = subscribe(peer.number, R"({"watch":"find","collection":"a"})", told);
  told.wait_for_drop();
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":2}})").number == 0);
  CHECK(headwater_close(peer.number) == 0);
  CHECK(told.count() == 1 && told.drops() == 1);
}

TEST(unsubscribe_waits_for_an_event_that_runs) {
  Peer peer;
  Told told;
  std::atomic<bool> may_end{false}, has_ended{false};
  told.meanwhile = [&](size_t) {
    while (!may_end) std::this_thread::yield();
    has_ended = true;
  };
  uint64_t watch = subscribe(peer.number, R"({"watch":"state"})", told);
  told.wait(1);
  std::thread ender([&] {
    headwater_unsubscribe(peer.number, watch);
    if (!has_ended || told.drops() != 1) std::abort();
  });
  may_end = true;
  ender.join();
}

TEST(everything_may_be_called_in_a_callback) {
  Peer peer;
  Told told, inner, watching;
  told.meanwhile = [&](size_t) {
    if (call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":1}})").number != 0) std::abort();
    if (call_async(peer.number, R"({"call":"find","collection":"a"})", inner) != 0) std::abort();
    if (subscribe(peer.number, R"({"watch":"find","collection":"a"})", watching) == 0) std::abort();
    Peer another;
  };
  CHECK(call_async(peer.number, R"({"call":"info"})", told) == 0);
  CHECK(inner.wait(1) == R"({"documents":[{"_id":1}]})");
  CHECK(watching.wait(1) == R"({"documents":[{"_id":1}]})");
}

TEST(a_peer_may_be_closed_in_an_event_and_in_an_answer) {
  for (bool in_event : {true, false}) {
    Peer peer;
    Told told, pending;
    CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{}})").number == 0);
    CHECK(call_async(peer.number, R"({"call":"flushed"})", pending) == 0);
    told.meanwhile = [&](size_t) {
      if (headwater_close(peer.number) != 0) std::abort();
      if (headwater_close(peer.number) != HEADWATER_ERROR_CLOSED) std::abort();
    };
    if (in_event) {
      CHECK(subscribe(peer.number, R"({"watch":"find","collection":"a"})", told) != 0);
    } else {
      CHECK(call_async(peer.number, R"({"call":"info"})", told) == 0);
    }
    told.wait_for_drop();
    pending.wait_for_drop();
    CHECK(told.count() == 1 && told.drops() == 1 && pending.count() == 1 && pending.drops() == 1);
    CHECK(call(peer.number, R"({"call":"info"})").is_error(HEADWATER_ERROR_CLOSED));
  }
}

TEST(a_message_that_is_huge_is_refused_or_done) {
  Peer peer;
  std::string value(20 << 20, 'x');
  Answer refused = call(peer.number, R"({"call":"upsert","collection":"a","value":{"x":")" + value + "\"}}");
  CHECK(refused.is_error(HEADWATER_ERROR_TOO_LARGE));
  Answer echoed = call(peer.number, R"({"call":"echo","value":")" + value + "\"}");
  CHECK(echoed.number == 0 && echoed.text.size() == value.size() + 12);
  std::string deep(100000, '[');
  CHECK(call(peer.number, R"({"call":"echo","value":)" + deep).is_error(HEADWATER_ERROR_INVALID_MESSAGE));
}

TEST(a_child_of_fork_has_nothing_open) {
  Peer peer;
  pid_t child = fork();
  if (child == 0) {
    uint64_t other = 0;
    Folder folder;
    bool is_closed = call(peer.number, R"({"call":"info"})").is_error(HEADWATER_ERROR_CLOSED) &&
                     open(folder.config(), other).is_error(HEADWATER_ERROR_CLOSED) &&
                     headwater_close(peer.number) == HEADWATER_ERROR_CLOSED;
    _exit(is_closed ? 0 : 1);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(call(peer.number, R"({"call":"info"})").number == 0);
}
