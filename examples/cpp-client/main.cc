// A program of an ML team: submits a training job, waits for it with its log on the screen, and says what it cost.
//   cpp_client TENANT COMMAND [ARGUMENT...]
// The scheduler is found as the command line finds it: SWITCHYARD_SERVER, ~/.config/switchyard/client.yaml, the local
// socket.
#include <cstdio>
#include <memory>
#include <string>

#include "client/client.h"

namespace {

using switchyard::client::Client;
using switchyard::client::ClientOptions;
namespace v1 = switchyard::v1;

v1::SubmitRequest OneTaskJob(const std::string& tenant, int words, char** command) {
  v1::SubmitRequest request;
  v1::JobSpec* job = request.add_jobs();
  job->set_name("cpp-client");
  job->set_tenant(tenant);
  job->set_kind(v1::TRAINING);
  v1::TaskGroup* group = job->add_groups();
  group->set_name("task");
  group->set_count(1);
  group->mutable_resources()->set_cpu_milli(1000);
  for (int i = 0; i < words; ++i) group->add_command(command[i]);
  return request;  // without a key: the client makes one, and uses the same in every retry
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s TENANT COMMAND [ARGUMENT...]\n", argv[0]);
    return 2;
  }
  absl::StatusOr<ClientOptions> options = switchyard::client::LoadClientOptions();
  if (!options.ok()) return Fail(options.status());
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(*options);
  if (!client.ok()) return Fail(client.status());

  absl::StatusOr<v1::SubmitResponse> submitted = (*client)->Submit(OneTaskJob(argv[1], argc - 2, argv + 2));
  if (!submitted.ok()) return Fail(submitted.status());
  const uint64_t id = submitted->job_ids(0);
  std::printf("job %llu submitted\n", static_cast<unsigned long long>(id));

  // First until it runs, telling meanwhile what it waits for.
  switchyard::client::WaitOptions until_running;
  until_running.until = v1::RUNNING;
  until_running.at_least = submitted->store_revision();
  until_running.on_change = [](const v1::Job& job) {
    if (job.state() == v1::PENDING) std::printf("waits: %s\n", job.pending().text().c_str());
  };
  absl::StatusOr<std::vector<v1::Job>> running = (*client)->Wait({id}, until_running);
  if (!running.ok()) return Fail(running.status());

  v1::StreamLogsRequest logs;
  logs.set_id(id);
  logs.set_follow(true);
  const absl::Status read = (*client)->Logs(logs, [](const v1::LogChunk& chunk) {
    std::fwrite(chunk.data().data(), 1, chunk.data().size(), chunk.is_stderr() ? stderr : stdout);
    return true;
  });
  if (!read.ok()) return Fail(read);

  absl::StatusOr<std::vector<v1::Job>> ended = (*client)->Wait({id}, {});
  if (!ended.ok()) return Fail(ended.status());
  std::printf("job %llu: %s %s\n", static_cast<unsigned long long>(id),
              v1::JobState_Name(ended->front().state()).c_str(), ended->front().reason().c_str());
  return ended->front().state() == v1::SUCCEEDED ? 0 : 1;
}
