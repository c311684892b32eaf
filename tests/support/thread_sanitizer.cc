// What makes ThreadSanitizer see through Debian's libraries, which are not instrumented. Linked into every program of
// the preset `tsan` and into no other.
//
// Inside an uninstrumented library TSan sees neither plain accesses nor atomics, but it does see memcpy, free and their
// like, and reports what it takes for races between them. Such accesses are ignored; those of our own code never are,
// whoever called it.
//
// gRPC orders what it does by absl::Mutex and by atomics. Where TSan cannot see that, each hand-over from one thread of
// gRPC's to another looks like a race of our reactors. The functions through which such orders pass are therefore
// defined here, where the dynamic linker finds them first; they call the library's own and tell TSan what is ordered:
//   - the functions of absl::Mutex and absl::CondVar that gRPC calls,
//   - the begin of an operation of a call and its answer,
//   - the end of a call, after its last answer, and its cancellation,
//   - the shutdown of a server, after its last call.
// Nothing here orders two callbacks, or a callback and a thread of ours, that gRPC does not order:
// tests/support/thread_sanitizer_test.cc.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/callback_common.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

// In the program, so that they hold however a test starts it: also in a daemon or a child with an environment of its
// own.
extern "C" const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1:second_deadlock_stack=1:suppressions=" SWITCHYARD_SOURCE_DIR
         "/tests/tsan_suppressions.txt";
}

namespace {

// The next definition after this program's, which is the library's own.
template <typename Function>
Function Next(const char* symbol) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, symbol));
}

// Absl's member functions as the ABI has them: the object is the first argument.
using OfMutex = void (*)(absl::Mutex*);
using TryOfMutex = bool (*)(absl::Mutex*);
using Wait = void (*)(absl::CondVar*, absl::Mutex*);
using WaitTimeout = bool (*)(absl::CondVar*, absl::Mutex*, absl::Duration);
using WaitDeadline = bool (*)(absl::CondVar*, absl::Mutex*, absl::Time);

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const OfMutex next = Next<OfMutex>("_ZN4absl7debian35Mutex4LockEv");
  next(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  static const TryOfMutex next = Next<TryOfMutex>("_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = next(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::Unlock() {
  static const OfMutex next = Next<OfMutex>("_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  next(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const ::Wait next = Next<::Wait>("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  next(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const WaitTimeout next =
      Next<WaitTimeout>("_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = next(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const WaitDeadline next =
      Next<WaitDeadline>("_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = next(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl

// ---- gRPC ----

namespace {

// Names a private member: access is not asked for in an explicit instantiation.
using OfSuccess = void (grpc::internal::CallbackWithSuccessTag::*)(bool);
using OfStatus = void (grpc::internal::CallbackWithStatusTag::*)(bool);
OfSuccess RunOf(grpc::internal::CallbackWithSuccessTag*);
OfStatus RunOf(grpc::internal::CallbackWithStatusTag*);
template <typename Tag, void (Tag::*run)(bool)>
struct Named {
  friend auto RunOf(Tag*) -> void (Tag::*)(bool) { return run; }
};
template struct Named<grpc::internal::CallbackWithSuccessTag, &grpc::internal::CallbackWithSuccessTag::Run>;
template struct Named<grpc::internal::CallbackWithStatusTag, &grpc::internal::CallbackWithStatusTag::Run>;

template <typename Tag>
void Answer(grpc_completion_queue_functor* functor, int ok) {
  __tsan_acquire(functor);
  Tag* const tag = static_cast<Tag*>(functor);
  (tag->*RunOf(tag))(ok != 0);
}

}  // namespace

// `tag` is what gRPC answers by.
extern "C" grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                                 void* reserved) {
  static const auto next = Next<decltype(&grpc_call_start_batch)>("grpc_call_start_batch");
  __tsan_release(tag);
  return next(call, ops, count, tag, reserved);
}

// CallbackWithSuccessTag::StaticRun and CallbackWithStatusTag::StaticRun, of which the headers define weak ones.
void AnswerSuccess(grpc_completion_queue_functor*,
                   int) asm("_ZN4grpc8internal22CallbackWithSuccessTag9StaticRunEP29grpc_completion_queue_functori");
void AnswerSuccess(grpc_completion_queue_functor* functor, int ok) {
  Answer<grpc::internal::CallbackWithSuccessTag>(functor, ok);
}
void AnswerStatus(grpc_completion_queue_functor*,
                  int) asm("_ZN4grpc8internal21CallbackWithStatusTag9StaticRunEP29grpc_completion_queue_functori");
void AnswerStatus(grpc_completion_queue_functor* functor, int ok) {
  Answer<grpc::internal::CallbackWithStatusTag>(functor, ok);
}

namespace grpc::internal {

// Whoever takes the last count away may be in the library, where TSan does not see that it is the last.
void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  using Schedule = void (*)(ServerCallbackCall*, bool);
  static const auto next = Next<Schedule>("_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb");
  __tsan_acquire(&callbacks_outstanding_);
  next(this, inline_ondone);
}

void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  using Cancel = void (*)(ServerCallbackCall*, ServerReactor*);
  static const auto next = Next<Cancel>("_ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE");
  __tsan_acquire(&on_cancel_conditions_remaining_);
  next(this, reactor);
}

}  // namespace grpc::internal

namespace grpc {

// Each call gives up its reference when its OnDone has returned; the shutdown of a server waits for all of them.
void Server::UnrefWithPossibleNotify() {
  using Unref = void (*)(Server*);
  static const auto next = Next<Unref>("_ZN4grpc6Server23UnrefWithPossibleNotifyEv");
  __tsan_release(&shutdown_refs_outstanding_);
  next(this);
}

void Server::UnrefAndWaitLocked() {
  using Wait = void (*)(Server*);
  static const auto next = Next<Wait>("_ZN4grpc6Server18UnrefAndWaitLockedEv");
  next(this);
  __tsan_acquire(&shutdown_refs_outstanding_);
}

}  // namespace grpc
