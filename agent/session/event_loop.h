// The one thread of an agent: everything that happens comes here as a function to call, a moment that has come, or a
// descriptor that can be read. Nothing else in the agent needs a lock.
//
// Thread rule: Post and Stop from any thread; everything else from the loop's thread, or before Run.
#ifndef SWITCHYARD_AGENT_SESSION_EVENT_LOOP_H_
#define SWITCHYARD_AGENT_SESSION_EVENT_LOOP_H_

#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "common/platform/clock.h"
#include "common/units.h"

namespace switchyard::agent::session {

class EventLoop {
 public:
  // `clock` must run as CLOCK_BOOTTIME does, so that a lease ends in time though the machine slept.
  explicit EventLoop(const platform::Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Called by the loop's thread, in the order of the posts. After the loop's end it is dropped.
  void Post(std::function<void()> function);

  // Called once, at `when` or soon after.
  void At(MonoTime when, std::function<void()> function);

  // Called whenever `descriptor` can be read, until UnwatchReadable.
  void WatchReadable(int descriptor, std::function<void()> function);
  void UnwatchReadable(int descriptor);

  // Called after each round of events, before the loop sleeps: where what happened together is handled together.
  void AfterEvents(std::function<void()> function) { after_events_.push_back(std::move(function)); }

  // Until Stop.
  void Run();
  void Stop();

  MonoTime now() const { return clock_.Mono(); }

 private:
  void RunPosted();
  void RunDue();
  void Sleep();

  const platform::Clock& clock_;
  int wake_descriptor_;
  int timer_descriptor_;
  std::multimap<MonoTime, std::function<void()>> timers_;
  std::map<int, std::function<void()>> readers_;
  std::vector<std::function<void()>> after_events_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
  bool stopped_ = false;                       // guarded by mutex_
};

}  // namespace switchyard::agent::session

#endif  // SWITCHYARD_AGENT_SESSION_EVENT_LOOP_H_
