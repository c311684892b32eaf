// That thread_sanitizer.cc hides nothing of ours: a race between a callback that gRPC runs and the thread that made the
// call is reported, and the order that gRPC does make is believed.
#include <atomic>
#include <cstdlib>
#include <functional>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <thread>

namespace {

// Makes a call that nobody answers; `answered` runs on a thread of gRPC's. Meanwhile `meanwhile` runs here. Waits for
// the end without an order that TSan could take for one.
void CallNobody(const std::function<void()>& answered, const std::function<void()>& meanwhile) {
  grpc::GenericStub stub(grpc::CreateChannel("unix:/nonexistent/socket", grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const grpc::Slice nothing("");
  grpc::ByteBuffer request(&nothing, 1), response;
  std::atomic<bool> ended = false;
  stub.UnaryCall(&context, "/nobody/Call", {}, &request, &response, [&](const grpc::Status&) {
    answered();
    ended.store(true, std::memory_order_relaxed);
  });
  meanwhile();
  while (!ended.load(std::memory_order_relaxed)) std::this_thread::yield();
}

TEST(ThreadSanitizerDeathTest, ARaceOfACallbackWithTheCallersThreadIsReported) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  constexpr int kOfThreadSanitizer = 66;
  EXPECT_EXIT(
      {
        int counter = 0;
        CallNobody([&] { ++counter; }, [&] { ++counter; });
        std::exit(0);
      },
      testing::ExitedWithCode(kOfThreadSanitizer), "data race");
}

TEST(ThreadSanitizerTest, WhatWasDoneBeforeACallIsSeenByItsCallback) {
  int before = 1, seen = 0;
  std::atomic<bool> told = false;
  CallNobody(
      [&] {
        seen = before;
        told.store(true, std::memory_order_release);
      },
      [] {});
  while (!told.load(std::memory_order_acquire)) std::this_thread::yield();
  EXPECT_EQ(seen, 1);
}

}  // namespace
