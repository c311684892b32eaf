// orphans, orphan stop|adopt, quarantine, quarantine clear: what runs or draws otherwise than it was told to.
#include <string>

#include "client/cli/node_view.h"
#include "client/cli/text.h"
#include "client/cli/verbs.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

void RegisterOrphans(CLI::App& app, Action* action) {
  app.add_subcommand("orphans", "List what runs without being known to the scheduler")->callback([action] {
    *action = [](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->ListOrphans(), OrphansView);
    };
  });
}

void RegisterOrphanWord(CLI::App& orphan, Action* action, const char* name, v1::OrphanActionRequest::Action word,
                        const char* help, const char* done) {
  struct Arguments {
    uint64_t allocation = 0;
    std::string node;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = orphan.add_subcommand(name, help);
  verb->add_option("ID", arguments->allocation, "The allocation, as `switchyard orphans` lists it")->required();
  verb->add_option("--node", arguments->node, "Its node, where two nodes report the same allocation");
  verb->callback([arguments, word, done, action] {
    *action = [arguments, word, done](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      v1::OrphanActionRequest request;
      request.set_allocation(arguments->allocation);
      request.set_node(arguments->node);
      request.set_action(word);
      const absl::StatusOr<v1::OrphanActionResponse> response = (*client)->OrphanAction(request);
      if (!response.ok()) return response.status();
      context.output().Print(
          *response, [&](const View&) { return fmt::format("allocation \"{}\": {}\n", arguments->allocation, done); });
      return kExitDone;
    };
  });
}

void RegisterQuarantine(CLI::App& app, Action* action) {
  CLI::App* verb =
      app.add_subcommand("quarantine", "List devices that drew more than they had confirmed; or clear one");
  verb->require_subcommand(0, 1);
  auto device = std::make_shared<std::string>();
  CLI::App* clear = verb->add_subcommand("clear", "Trust a device again: it was repaired or replaced");
  clear->add_option("DEVICE", *device, "Its serial or UUID")->required();
  clear->callback([device, action] {
    *action = [device](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      v1::ClearQuarantineRequest request;
      request.set_device(*device);
      const absl::StatusOr<v1::ClearQuarantineResponse> response = (*client)->ClearQuarantine(request);
      if (!response.ok()) return response.status();
      context.output().Print(*response,
                             [&](const View&) { return fmt::format("device \"{}\": trusted again\n", *device); });
      return kExitDone;
    };
  });
  verb->callback([verb, action] {
    if (!verb->get_subcommands().empty()) return;
    *action = [](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->ListQuarantine(), QuarantineView);
    };
  });
}

}  // namespace

void RegisterStrayVerbs(CLI::App& app, Action* action) {
  RegisterOrphans(app, action);
  CLI::App* orphan = app.add_subcommand("orphan", "Decide about one orphan: stop or adopt");
  orphan->require_subcommand(1);
  RegisterOrphanWord(*orphan, action, "stop", v1::OrphanActionRequest::STOP, "End it", "stopping");
  RegisterOrphanWord(*orphan, action, "adopt", v1::OrphanActionRequest::ADOPT, "Make it a task of its job again",
                     "adopted");
  RegisterQuarantine(app, action);
}

}  // namespace switchyard::client::cli
