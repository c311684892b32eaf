#include "scheduler/rpc/bounds/validate_request.h"

#include <algorithm>
#include <cstdint>

#include "common/validation/job_spec.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

using validation::IsName;
using validation::kMaxProblems;

// What is printed of a value that may be anything.
std::string Shown(const std::string& text) {
  std::string shown;
  for (const char c : text.substr(0, 80)) shown += c >= ' ' && c < 0x7f ? c : '?';
  return text.size() > 80 ? shown + "..." : shown;
}

void CheckKey(const std::string& key, Problems* problems) {
  if (key.empty() || key.size() > kIdempotencyKeyMax) {
    problems->push_back({"idempotency_key",
                         fmt::format("it has {} characters, 1 to {} are allowed; give a fresh random one to each new "
                                     "request and the same one when repeating it",
                                     key.size(), kIdempotencyKeyMax)});
  }
}

void CheckJobId(uint64_t id, const std::string& path, Problems* problems) {
  if (id == 0) problems->push_back({path, "it is 0, job ids begin at 1; give the id that submit printed"});
}

void CheckPage(int32_t size, const std::string& token, Problems* problems) {
  if (size < 0 || size > kPageSizeMax) {
    problems->push_back(
        {"page_size", fmt::format("it is {}, 1 to {} are allowed, 0 means {}; ask for more pages instead", size,
                                  kPageSizeMax, kPageSizeDefault)});
  }
  if (token.size() > kPageTokenMax) {
    problems->push_back(
        {"page_token",
         fmt::format("it has {} characters, at most {} are ever given out; pass next_page_token on as it is",
                     token.size(), kPageTokenMax)});
  }
}

void CheckScoped(const std::string& text, const std::string& path, const char* noun, Problems* problems) {
  if (!IsScopedName(text)) {
    problems->push_back(
        {path, fmt::format("{} \"{}\": not of the form <site>/<name>; names are 1 to 63 characters of [a-z0-9.-]", noun,
                           Shown(text))});
  }
}

void CheckName(const std::string& text, const std::string& path, const char* noun, Problems* problems) {
  if (!IsName(text)) {
    problems->push_back(
        {path, fmt::format("{} \"{}\": not a name; names are 1 to 63 characters of [a-z0-9.-]", noun, Shown(text))});
  }
}

template <typename Enum>
void CheckEnum(Enum value, bool valid, const std::string& path, const char* allowed, Problems* problems) {
  if (!valid) problems->push_back({path, fmt::format("it is {}, {} are allowed", static_cast<int>(value), allowed)});
}

void CheckIds(const google::protobuf::RepeatedField<uint64_t>& ids, int min, int max, Problems* problems) {
  if (ids.size() < min || ids.size() > max) {
    problems->push_back(
        {"ids", fmt::format("it has {} ids, {} to {} are allowed; split the request", ids.size(), min, max)});
    return;
  }
  for (int i = 0; i < ids.size() && problems->size() < kMaxProblems; ++i)
    CheckJobId(ids[i], fmt::format("ids[{}]", i), problems);
}

}  // namespace

bool IsScopedName(const std::string& text) {
  const size_t slash = text.find('/');
  return slash != std::string::npos && IsName(text.substr(0, slash)) && IsName(text.substr(slash + 1));
}

Problems Validate(const v1::SubmitRequest& request) {
  Problems problems;
  CheckKey(request.idempotency_key(), &problems);
  int64_t jobs = 0;
  for (const v1::JobSpec& spec : request.jobs())
    jobs += std::clamp<int64_t>(spec.array_size(), 1, validation::kMaxArraySize);
  if (request.jobs().empty() || jobs > kJobsPerSubmitMax) {
    problems.push_back({"jobs", fmt::format("it makes {} jobs with its arrays, 1 to {} are allowed; split the request",
                                            jobs, kJobsPerSubmitMax)});
    return problems;
  }
  for (int i = 0; i < request.jobs_size() && problems.size() < kMaxProblems; ++i) {
    for (validation::Problem& problem : validation::ValidateJobSpec(request.jobs(i))) {
      if (problems.size() >= kMaxProblems) break;
      problem.path = fmt::format("jobs[{}].{}", i, problem.path);
      problems.push_back(std::move(problem));
    }
  }
  return problems;
}

Problems Validate(const v1::GetJobRequest& request) {
  Problems problems;
  CheckJobId(request.id(), "id", &problems);
  return problems;
}

Problems Validate(const v1::ListJobsRequest& request) {
  Problems problems;
  CheckPage(request.page_size(), request.page_token(), &problems);
  const std::string& token = request.page_token();
  const bool number = !token.empty() && token.size() <= 20 &&
                      std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!token.empty() && !number) {
    problems.push_back(
        {"page_token",
         fmt::format("it is \"{}\", not a token of ListJobs; pass next_page_token on as it is", Shown(token))});
  }
  CheckEnum(request.state(), v1::JobState_IsValid(request.state()), "state", "0 for all or a JobState", &problems);
  CheckEnum(request.kind(), v1::JobKind_IsValid(request.kind()), "kind", "0 for all or a JobKind", &problems);
  if (!request.tenant().empty()) CheckName(request.tenant(), "tenant", "tenant", &problems);
  return problems;
}

Problems Validate(const v1::CancelRequest& request) {
  Problems problems;
  CheckKey(request.idempotency_key(), &problems);
  CheckIds(request.ids(), 1, kIdsPerCancelMax, &problems);
  return problems;
}

Problems Validate(const v1::WatchRequest& request) {
  Problems problems;
  CheckIds(request.ids(), 0, kWatchIdsMax, &problems);
  return problems;
}

Problems Validate(const v1::ExplainRequest& request) {
  Problems problems;
  CheckJobId(request.id(), "id", &problems);
  return problems;
}

Problems Validate(const v1::StreamLogsRequest& request) {
  Problems problems;
  CheckJobId(request.id(), "id", &problems);
  if (!request.group().empty()) CheckName(request.group(), "group", "task group", &problems);
  if (request.index() < 0 || request.index() >= validation::kMaxTasksPerGroup * validation::kMaxGroups) {
    problems.push_back({"index", fmt::format("it is {}, a task's index within its group is needed; `job ID` lists them",
                                             request.index())});
  }
  if (request.tail_lines() < 0 || request.tail_lines() > kLogTailMax) {
    problems.push_back({"tail_lines", fmt::format("it is {}, 0 (all that is kept) to {} are allowed",
                                                  request.tail_lines(), kLogTailMax)});
  }
  return problems;
}

Problems Validate(const v1::ListNodesRequest& request) {
  Problems problems;
  CheckPage(request.page_size(), request.page_token(), &problems);
  if (!request.site().empty()) CheckName(request.site(), "site", "site", &problems);
  return problems;
}

Problems Validate(const v1::GetNodeRequest& request) {
  Problems problems;
  CheckScoped(request.id(), "id", "node", &problems);
  return problems;
}

Problems Validate(const v1::GetSiteRequest& request) {
  Problems problems;
  CheckName(request.id(), "id", "site", &problems);
  return problems;
}

Problems Validate(const v1::ListBudgetsRequest& request) {
  Problems problems;
  if (!request.site().empty()) CheckName(request.site(), "site", "site", &problems);
  return problems;
}

Problems Validate(const v1::GetTenantRequest& request) {
  Problems problems;
  CheckName(request.id(), "id", "tenant", &problems);
  return problems;
}

Problems Validate(const v1::WhyNotRisingRequest& request) {
  Problems problems;
  if (!request.budget().empty()) CheckScoped(request.budget(), "budget", "budget", &problems);
  return problems;
}

Problems Validate(const v1::NodeActionRequest& request) {
  using Request = v1::NodeActionRequest;
  Problems problems;
  CheckScoped(request.node(), "node", "node", &problems);
  CheckKey(request.idempotency_key(), &problems);
  const Request::Action action = request.action();
  CheckEnum(action, action != Request::ACTION_UNSPECIFIED && Request::Action_IsValid(action), "action",
            "CORDON to REPLACE", &problems);
  const bool needs_checked = action == Request::ADMIT || action == Request::MARK_LOST || action == Request::REPLACE;
  if (needs_checked && !request.checked()) {
    problems.push_back(
        {"checked",
         "it is false, this action rests on what the operator saw with own eyes; look at the machine, then give "
         "--checked"});
  }
  if (request.drain_deadline_ms() < 0 || request.drain_deadline_ms() > Hours(24 * 30).count()) {
    problems.push_back(
        {"drain_deadline_ms", fmt::format("it is {} ms, 0 ms to 30 days are allowed", request.drain_deadline_ms())});
  }
  return problems;
}

Problems Validate(const v1::OrphanActionRequest& request) {
  using Request = v1::OrphanActionRequest;
  Problems problems;
  CheckKey(request.idempotency_key(), &problems);
  if (request.allocation() == 0)
    problems.push_back({"allocation", "it is 0, allocation ids begin at 1; `orphans` lists them"});
  CheckEnum(request.action(), request.action() == Request::STOP || request.action() == Request::ADOPT, "action",
            "STOP and ADOPT", &problems);
  if (!request.node().empty()) CheckScoped(request.node(), "node", "node", &problems);
  return problems;
}

Problems Validate(const v1::ClearQuarantineRequest& request) {
  Problems problems;
  CheckKey(request.idempotency_key(), &problems);
  if (request.device().empty() || request.device().size() > kDeviceIdMax) {
    problems.push_back(
        {"device", fmt::format("it has {} characters, 1 to {} are allowed; `quarantine` lists the devices",
                               request.device().size(), kDeviceIdMax)});
  }
  return problems;
}

Problems Validate(const v1::CreateTokenRequest& request) {
  Problems problems;
  CheckScoped(request.node(), "node", "node", &problems);
  return problems;
}

Problems Validate(const v1::StreamEventsRequest& request) {
  Problems problems;
  if (request.since_utc_ms() < 0) {
    problems.push_back({"since_utc_ms", fmt::format("it is {}, milliseconds since 1970 are needed; 0 asks for all",
                                                    request.since_utc_ms())});
  }
  if (request.limit() < 0 || request.limit() > kEventsMax) {
    problems.push_back({"limit", fmt::format("it is {}, 1 to {} are allowed, 0 means {}", request.limit(), kEventsMax,
                                             kEventsDefault)});
  }
  return problems;
}

Problems Validate(const v1::EnrolRequest& request) {
  Problems problems;
  CheckScoped(request.node(), "node", "node", &problems);
  if (request.token().empty() || request.token().size() > kTokenMax) {
    problems.push_back(
        {"token", fmt::format("it has {} characters, 1 to {} are allowed; get one with `switchyard token NODE`",
                              request.token().size(), kTokenMax)});
  }
  const size_t bytes = request.certificate_request_pem().size();
  if (bytes == 0 || bytes > kCertificateRequestMax) {
    problems.push_back(
        {"certificate_request_pem", fmt::format("it has {} bytes, a PKCS#10 request in PEM of at most {} is needed",
                                                bytes, kCertificateRequestMax)});
  }
  return problems;
}

}  // namespace switchyard::rpc
