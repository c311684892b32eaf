#include "simulation/world/clients.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "fmt/format.h"
#include "scheduler/core/state.h"

namespace switchyard::simulation {
namespace {

constexpr Instant kLeastDelay = 200;
constexpr Instant kMostDelay = 5'000;
// A client gives an attempt up after this, and asks again after a growing pause.
constexpr Duration kTimeout = Seconds(5);
constexpr Duration kFirstBackOff = Milliseconds(200);
constexpr Duration kMostBackOff = Seconds(5);
constexpr uint64_t kLostOneIn = 40;
// Who waits for an answer that another request depends on looks again so often, and not for ever.
constexpr Duration kLookAgain = Milliseconds(500);
constexpr uint64_t kMostAttempts = 2'000;

}  // namespace

void Clients::Do(const Deed& deed) {
  switch (deed.kind) {
    case Deed::Kind::kSubmit:
      return Submit(deed);
    case Deed::Kind::kCancel:
      return Cancel(deed);
    case Deed::Kind::kOperator:
      return Say(deed);
    case Deed::Kind::kReload:
      return Reload(deed);
    case Deed::Kind::kFault:
      SWITCHYARD_CHECK(false) << "a fault is nobody's request";
  }
}

std::optional<Clients::Run> Clients::RunOf(const std::string& key) const {
  const auto found = runs_.find(key);
  return found == runs_.end() ? std::nullopt : std::optional<Run>(found->second);
}

std::string Clients::Owner(const std::string& tenant) const {
  for (const v1::Tenant& configured : stage_.script.configuration.tenants()) {
    if (configured.id() == tenant && configured.members_size() > 0 && configured.members(0) != "*")
      return configured.members(0);
  }
  return "uid:1000";
}

store::v1::Command Clients::OperatorCommand() const {
  store::v1::Command command;
  command.set_principal("uid:0");
  command.set_is_operator(true);
  return command;
}

// ---- users ----

void Clients::Submit(const Deed& deed) {
  runs_[deed.key] = {deed.runs, deed.exit_code};
  owners_[deed.key] = Owner(deed.job.tenant());
  Request request;
  request.key = deed.key;
  request.command.set_principal(owners_[deed.key]);
  v1::SubmitRequest& submit = *request.command.mutable_submit();
  *submit.add_jobs() = deed.job;
  submit.set_idempotency_key(deed.key);
  if (!deed.after.empty()) {
    request.prepare = [this, after = deed.after](store::v1::Command* command, const SchedulerProcess&) {
      for (const std::string& key : after) {
        const auto before = jobs_.find(key);
        if (before == jobs_.end()) return false;
        command->mutable_submit()->mutable_jobs(0)->add_after(before->second.front());
      }
      return true;
    };
  }
  request.answered = [this, key = deed.key](const core::Reply& reply) {
    if (!reply.status.ok()) return;
    const auto& ids = reply.result.submit().job_ids();
    jobs_[key] = {ids.begin(), ids.end()};
  };
  Begin(std::move(request));
}

void Clients::Cancel(const Deed& deed) {
  Request request;
  request.key = "cancel/" + deed.key;
  request.command.set_principal(owners_[deed.key]);
  request.command.mutable_cancel()->set_idempotency_key(request.key);
  request.prepare = [this, key = deed.key](store::v1::Command* command, const SchedulerProcess&) {
    const auto jobs = jobs_.find(key);
    if (jobs == jobs_.end()) return false;
    for (const uint64_t id : jobs->second) command->mutable_cancel()->add_ids(id);
    return true;
  };
  Begin(std::move(request));
}

// ---- operators ----

void Clients::Say(const Deed& deed) {
  using Action = v1::NodeActionRequest;
  static const std::map<std::string, Action::Action> kWords = {
      {"cordon", Action::CORDON},        {"uncordon", Action::UNCORDON}, {"drain", Action::DRAIN},
      {"undrain", Action::UNDRAIN},      {"node admit", Action::ADMIT},  {"node lost", Action::MARK_LOST},
      {"node replace", Action::REPLACE},
  };
  if (const auto word = kWords.find(deed.word); word != kWords.end()) return SayOfNode(deed, word->second);
  if (deed.word == "orphan stop") return SayOfOrphans(deed, v1::OrphanActionRequest::STOP);
  if (deed.word == "orphan adopt") return SayOfOrphans(deed, v1::OrphanActionRequest::ADOPT);
  SWITCHYARD_CHECK(deed.word == "quarantine clear") << "no operator says \"" << deed.word << "\"";
  SayOfQuarantine(deed);
}

void Clients::SayOfNode(const Deed& deed, v1::NodeActionRequest::Action action) {
  Request request;
  request.key = fmt::format("{}/{}/{}", deed.word, deed.subject, deed.at.milliseconds());
  request.command = OperatorCommand();
  v1::NodeActionRequest& body = *request.command.mutable_node_action();
  body.set_node(deed.subject);
  body.set_action(action);
  body.set_checked(true);
  body.set_drain_deadline_ms(deed.span.count());
  body.set_idempotency_key(request.key);
  Begin(std::move(request));
}

void Clients::Inspect(int tries, std::function<void(const core::State&)> look) {
  const SchedulerProcess* const process = find_("inspect", static_cast<uint64_t>(tries));
  if (process != nullptr) return look(process->state());
  constexpr int kMostTries = 60;
  if (tries >= kMostTries) return;
  stage_.events.After(Microseconds(kLookAgain), [this, tries, look = std::move(look)] { Inspect(tries + 1, look); });
}

void Clients::SayOfOrphans(const Deed& deed, v1::OrphanActionRequest::Action action) {
  Inspect(0, [this, deed, action](const core::State& state) {
    const auto node = state.node_index.find(deed.subject);
    if (node == state.node_index.end()) return;
    for (auto it = state.orphans.lower_bound({node->second, 0});
         it != state.orphans.end() && it->first.first == node->second; ++it) {
      Request request;
      request.key = fmt::format("{}/{}/{}/{}", deed.word, deed.subject, it->first.second, deed.at.milliseconds());
      request.command = OperatorCommand();
      v1::OrphanActionRequest& body = *request.command.mutable_orphan_action();
      body.set_allocation(it->first.second);
      body.set_node(deed.subject);
      body.set_action(action);
      body.set_idempotency_key(request.key);
      Begin(std::move(request));
    }
  });
}

void Clients::SayOfQuarantine(const Deed& deed) {
  Inspect(0, [this, deed](const core::State& state) {
    const auto node = state.node_index.find(deed.subject);
    if (node == state.node_index.end()) return;
    for (const core::Group& group : state.nodes[node->second].groups) {
      for (const auto& [device, row] : group.quarantined) {
        if (static_cast<size_t>(device) >= group.devices.size()) continue;
        Request request;
        request.key =
            fmt::format("{}/{}/{}", deed.word, group.devices[static_cast<size_t>(device)], deed.at.milliseconds());
        request.command = OperatorCommand();
        v1::ClearQuarantineRequest& body = *request.command.mutable_clear_quarantine();
        body.set_device(group.devices[static_cast<size_t>(device)]);
        body.set_idempotency_key(request.key);
        Begin(std::move(request));
      }
    }
  });
}

// The daemon's own word: it has no key, and to load the same again is to load nothing.
void Clients::Reload(const Deed& deed) {
  Request request;
  request.key = fmt::format("reload/{}", deed.at.milliseconds());
  request.command.set_is_operator(true);
  *request.command.mutable_load_configuration()->mutable_configuration() = deed.configuration;
  // A file that was changed again meanwhile is not read in its old form any more.
  const int reload = ++reloads_;
  request.obsolete = [this, reload] { return reload != reloads_; };
  Begin(std::move(request));
}

// ---- one request ----

void Clients::Begin(Request request) {
  request.back_off = kFirstBackOff;
  requests_.push_back(std::make_unique<Request>(std::move(request)));
  Attempt(requests_.back().get());
}

void Clients::Retry(Request* request, Duration after) {
  stage_.events.After(Microseconds(after), [this, request] { Attempt(request); });
}

void Clients::Attempt(Request* request) {
  if (request->done || ++request->attempts > kMostAttempts) return;
  if (request->obsolete != nullptr && request->obsolete()) return;
  const uint64_t attempt = request->attempts;
  SchedulerProcess* const process = find_(request->key, attempt);
  if (process == nullptr) return Retry(request, kLookAgain);
  if (!request->sent) {
    if (request->prepare != nullptr && !request->prepare(&request->command, *process))
      return Retry(request, kLookAgain);
    request->sent = true;
  }
  const Chance& chance = stage_.chance;
  const std::string& key = request->key;
  const Instant there = chance.Between(kLeastDelay, kMostDelay, Topic::kClientDelay, key, attempt, 0);
  const Instant back = chance.Between(kLeastDelay, kMostDelay, Topic::kClientDelay, key, attempt, 1);
  const bool lost = chance.OneIn(kLostOneIn, Topic::kAnswerLost, key, attempt);
  stage_.events.After(there, [this, process, request, back, lost] {
    if (!process->listening()) return;  // the connection is refused; the timeout below asks again
    process->Post(request->command, [this, request, back, lost](const core::Reply& reply) {
      if (lost) return;
      stage_.events.After(back, [this, request, reply] { Answered(request, reply); });
    });
  });
  const Duration pause = Milliseconds(
      chance.Between(request->back_off.count() / 2, request->back_off.count(), Topic::kClientBackOff, key, attempt));
  request->back_off = std::min(request->back_off * 2, kMostBackOff);
  Retry(request, kTimeout + pause);
}

void Clients::Answered(Request* request, const core::Reply& reply) {
  if (request->done || absl::IsUnavailable(reply.status)) return;  // the attempt after that asks again
  request->done = true;
  stage_.audience.OnAnswer(stage_.now(), request->key, request->command, reply);
  if (request->answered != nullptr) request->answered(reply);
}

}  // namespace switchyard::simulation
