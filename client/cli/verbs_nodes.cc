// nodes, node and the operator's words about them; token.
#include <string>

#include "client/cli/node_view.h"
#include "client/cli/text.h"
#include "client/cli/verbs.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

using NodeAction = v1::NodeActionRequest;

absl::StatusOr<int> Act(const NodeAction& request, const std::string& done, VerbContext& context) {
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::NodeActionResponse> response = (*client)->NodeAction(request);
  if (!response.ok()) return response.status();
  context.output().Print(*response,
                         [&](const View&) { return fmt::format("node \"{}\": {}\n", request.node(), done); });
  return kExitDone;
}

// cordon, uncordon, undrain: a node and nothing else.
void RegisterPlain(CLI::App& app, Action* action, const char* name, NodeAction::Action word, const char* help,
                   const char* done) {
  auto node = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand(name, help);
  verb->add_option("NODE", *node, "The node, as SITE/NODE")->required();
  verb->callback([node, word, done, action] {
    NodeAction request;
    request.set_node(*node);
    request.set_action(word);
    *action = [request, done](VerbContext& context) { return Act(request, done, context); };
  });
}

void RegisterDrain(CLI::App& app, Action* action) {
  struct Arguments {
    std::string node;
    std::string deadline;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = app.add_subcommand("drain", "End what a node has and give it nothing new");
  verb->add_option("NODE", arguments->node, "The node, as SITE/NODE")->required();
  verb->add_option("--deadline", arguments->deadline,
                   "Tasks still there after this are stopped, e.g. 30m; default at once");
  verb->callback([arguments, action] {
    NodeAction request;
    request.set_node(arguments->node);
    request.set_action(NodeAction::DRAIN);
    if (!arguments->deadline.empty())
      request.set_drain_deadline_ms(UsageValue(ParseDuration(arguments->deadline)).count());
    *action = [request](VerbContext& context) { return Act(request, "draining", context); };
  });
}

// admit, lost, replace: what only somebody who looked can know.
void RegisterChecked(CLI::App& node_verb, Action* action, const char* name, NodeAction::Action word, const char* help,
                     const char* statement, const char* done) {
  struct Arguments {
    std::string node;
    bool checked = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = node_verb.add_subcommand(name, help);
  verb->add_option("NODE", arguments->node, "The node, as SITE/NODE")->required();
  verb->add_flag("--checked", arguments->checked, "You looked yourself: watts are granted on your word");
  verb->callback([arguments, word, name, statement, done, action] {
    if (!arguments->checked) {
      throw CLI::ValidationError(fmt::format("node \"{}\": \"{}\" states that {}; look, then repeat it with --checked",
                                             arguments->node, name, statement),
                                 CLI::ExitCodes::ValidationError);
    }
    NodeAction request;
    request.set_node(arguments->node);
    request.set_action(word);
    request.set_checked(true);
    *action = [request, done](VerbContext& context) { return Act(request, done, context); };
  });
}

void RegisterNode(CLI::App& app, Action* action) {
  auto id = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("node", "Show one node; or state what you saw of it: admit, lost, replace");
  verb->add_option("ID", *id, "The node, as SITE/NODE");
  verb->require_subcommand(0, 1);
  RegisterChecked(*verb, action, "admit", NodeAction::ADMIT, "It counts as reported for commissioning",
                  "its devices draw no more than they count for", "admitted");
  RegisterChecked(*verb, action, "lost", NodeAction::MARK_LOST, "It is gone: its watts are free, its tasks have ended",
                  "its devices are off or gone", "lost");
  RegisterChecked(*verb, action, "replace", NodeAction::REPLACE, "Its next session may come from other hardware",
                  "the machine at this place was exchanged", "may be replaced");
  verb->callback([verb, id, action] {
    if (!verb->get_subcommands().empty()) {
      if (!id->empty()) throw CLI::ExtrasError({*id});
      return;  // the statement has set its own action
    }
    if (id->empty()) throw CLI::RequiredError("ID");
    *action = [id](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->GetNode(*id), NodeView);
    };
  });
}

void RegisterNodes(CLI::App& app, Action* action) {
  auto site = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("nodes", "List nodes with their state and watts");
  verb->add_option("--site", *site, "Only nodes of this site");
  verb->callback([site, action] {
    *action = [site](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      v1::ListNodesRequest request;
      request.set_site(*site);
      return Answer(context, (*client)->ListNodes(request), NodesView);
    };
  });
}

void RegisterToken(CLI::App& app, Action* action) {
  auto node = std::make_shared<std::string>();
  CLI::App* verb =
      app.add_subcommand("token", "Make a token with which a node's agent gets its certificate: one use, one hour");
  verb->add_option("NODE", *node, "The node, as SITE/NODE")->required();
  verb->callback([node, action] {
    *action = [node](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      const absl::StatusOr<v1::CreateTokenResponse> response = (*client)->CreateToken(*node);
      if (!response.ok()) return response.status();
      context.output().Print(*response, [&](const View& view) { return TokenView(*node, *response, view); });
      return kExitDone;
    };
  });
}

}  // namespace

void RegisterNodeVerbs(CLI::App& app, Action* action) {
  RegisterNodes(app, action);
  RegisterNode(app, action);
  RegisterPlain(app, action, "cordon", NodeAction::CORDON, "Give a node nothing new; what runs goes on", "cordoned");
  RegisterPlain(app, action, "uncordon", NodeAction::UNCORDON, "Take a cordon back", "uncordoned");
  RegisterDrain(app, action);
  RegisterPlain(app, action, "undrain", NodeAction::UNDRAIN, "Take a drain back", "undrained");
  RegisterToken(app, action);
}

}  // namespace switchyard::client::cli
