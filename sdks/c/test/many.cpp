// Many at once, and many after another: threads that call, end and close; contexts and watches that leak nothing.

#include <atomic>
#include <memory>
#include <thread>

#include "driver.hpp"

// Of AddressSanitizer: bytes that are allocated, the library's too.
extern "C" size_t __sanitizer_get_current_allocated_bytes();

// A context that frees itself, as a binding's does: what is used after its drop is seen by AddressSanitizer.
struct Counted {
  std::atomic<size_t> &messages;
  std::atomic<size_t> &drops;

  static void on_message(void *context, const uint8_t *, size_t) { ++static_cast<Counted *>(context)->messages; }
  static void on_drop(void *context) {
    auto counted = static_cast<Counted *>(context);
    ++counted->drops;
    delete counted;
  }
};

static const uint8_t *data(std::string_view text) { return reinterpret_cast<const uint8_t *>(text.data()); }

static int32_t begin(uint64_t peer, std::string_view request, std::atomic<size_t> &messages,
                     std::atomic<size_t> &drops, uint64_t *watch = nullptr) {
  auto context = new Counted{messages, drops};
  if (watch == nullptr) {
    return headwater_call_async(peer, data(request), request.size(), Counted::on_message, Counted::on_drop, context);
  }
  uint8_t *answer = nullptr;
  size_t length = 0;
  int32_t number = headwater_subscribe(peer, data(request), request.size(), Counted::on_message, Counted::on_drop,
                                       context, watch, &answer, &length);
  headwater_free(answer, length);
  return number;
}

static void watch_and_end(uint64_t peer, size_t times) {
  std::atomic<size_t> messages{0}, drops{0};
  for (size_t round = 0; round < times; ++round) {
    uint64_t watch = 0;
    CHECK(begin(peer, R"({"watch":"find","collection":"a"})", messages, drops, &watch) == 0);
    CHECK(headwater_unsubscribe(peer, watch) == 0);
  }
  CHECK(drops == times);
  CHECK(call(peer, R"({"call":"state"})").number == 0);  // the peer has ended them too
}

static void call_often(uint64_t peer, size_t times) {
  std::atomic<size_t> messages{0}, drops{0};
  for (size_t round = 0; round < times; ++round) {
    CHECK(call(peer, R"({"call":"find","collection":"a"})").number == 0);
    CHECK(begin(peer, R"({"call":"find","collection":"a"})", messages, drops) == 0);
    while (drops < round) std::this_thread::yield();
  }
  while (drops < times) std::this_thread::yield();
  CHECK(messages == times);
}

static void open_often(uint64_t, size_t times) {
  for (size_t round = 0; round < times; ++round) Peer peer;
}

// What is allocated after many rounds is what was after a few.
static void check_growth(void (*rounds)(uint64_t, size_t), size_t few, size_t many, size_t bytes_max) {
  Peer peer(R"(,"relaxed":true)");
  CHECK(call(peer.number, R"({"call":"upsert","collection":"a","value":{"_id":1}})").number == 0);
  rounds(peer.number, few);
  size_t before = __sanitizer_get_current_allocated_bytes();
  rounds(peer.number, many);
  size_t after = __sanitizer_get_current_allocated_bytes();
  if (after > before + bytes_max) throw std::runtime_error(std::to_string(after - before) + " bytes stay");
}

// Queues that once were longer keep their room: less than the 16 bytes that one allocation a round takes.
static const size_t QUEUES_MAX = 128 << 10;

TEST(ten_thousand_watches_leak_nothing) { check_growth(watch_and_end, 10000, 10000, QUEUES_MAX); }

TEST(ten_thousand_calls_leak_nothing) { check_growth(call_often, 10000, 10000, QUEUES_MAX); }

TEST(a_hundred_peers_leak_nothing) { check_growth(open_often, 5, 100, 64 << 10); }

// Each thread does all that one can, while others end the same watches and close the same peer.
TEST(threads_call_unsubscribe_and_close_at_once) {
  for (int round = 0; round < 30; ++round) {
    Peer peer(R"(,"relaxed":true)");
    std::atomic<size_t> messages{0}, drops{0}, begun{0}, answered{0}, closed{0};
    std::atomic<uint64_t> shared{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 6; ++number) {
      threads.emplace_back([&, number] {
        std::atomic<size_t> events{0};
        for (int turn = 0;; ++turn) {
          std::string upsert = R"({"call":"upsert","collection":"a","value":{"_id":)" + std::to_string(number) + "}}";
          if (call(peer.number, upsert).number == HEADWATER_ERROR_CLOSED) break;
          uint64_t watch = 0;
          ++begun, ++begun, ++begun;
          answered += begin(peer.number, R"({"call":"find","collection":"a"})", messages, drops) == 0;
          answered += begin(peer.number, R"({"call":"flushed"})", messages, drops) == 0;
          static std::atomic<size_t> untold;
          begin(peer.number, R"({"watch":"find","collection":"a","changes":true})", untold, drops, &watch);
          headwater_unsubscribe(peer.number, shared.exchange(watch));
          headwater_unsubscribe(peer.number, watch);
          if (number == 0 && turn == 3) closed += headwater_close(peer.number) == 0;
          if (number == 1 && turn == 3) closed += headwater_close(peer.number) == 0;
        }
      });
    }
    for (std::thread &thread : threads) thread.join();
    CHECK(closed == 1);
    while (drops < begun || messages < answered) std::this_thread::yield();
    CHECK(drops == begun && messages == answered);
  }
}
