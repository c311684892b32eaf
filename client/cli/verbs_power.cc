// sites, site, budgets, alarms, why-not-rising, plans, tenants, tenant: each asks one question and prints the answer.
#include <string>

#include "client/cli/power_view.h"
#include "client/cli/verbs.h"

namespace switchyard::client::cli {
namespace {

// A verb with at most one argument: `ask` puts the question, `text` renders the answer.
template <typename Message>
struct Question {
  const char* name;
  const char* help;
  const char* argument;  // name of the argument; null: it has none
  const char* argument_help;
  bool required;
  absl::StatusOr<Message> (*ask)(Client&, const std::string& argument);
  std::string (*text)(const Message&, const View&);
};

template <typename Message>
void Register(CLI::App& app, Action* action, const Question<Message>& question) {
  auto argument = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand(question.name, question.help);
  if (question.argument != nullptr) {
    verb->add_option(question.argument, *argument, question.argument_help)->required(question.required);
  }
  verb->callback([argument, action, question] {
    *action = [argument, question](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, question.ask(**client, *argument), question.text);
    };
  });
}

}  // namespace

void RegisterPowerVerbs(CLI::App& app, Action* action) {
  Register<v1::ListSitesResponse>(app, action,
                                  {"sites", "List sites: caps, bounds, hashing and AI", nullptr, nullptr, false,
                                   [](Client& client, const std::string&) { return client.ListSites(); }, SitesView});
  Register<v1::SiteStatus>(app, action,
                           {"site", "Show one site, and what its commissioning waits for", "ID", "The site", true,
                            [](Client& client, const std::string& id) { return client.GetSite(id); }, SiteView});
  Register<v1::ListBudgetsResponse>(
      app, action,
      {"budgets", "List budgets: cap, bound, headroom, measured watts and shares", "SITE", "Only budgets of this site",
       false, [](Client& client, const std::string& site) { return client.ListBudgets(site); }, BudgetsView});
  Register<v1::ListAlarmsResponse>(
      app, action,
      {"alarms", "List what is wrong, and what to do about it", nullptr, nullptr, false,
       [](Client& client, const std::string&) { return client.ListAlarms(); }, AlarmsView});
  Register<v1::WhyNotRisingResponse>(
      app, action,
      {"why-not-rising", "Which node, plan or term keeps watts from rising", "BUDGET",
       "Only this budget, as SITE/BUDGET", false,
       [](Client& client, const std::string& budget) { return client.WhyNotRising(budget); }, WhyNotRisingView});
  Register<v1::ListPlansResponse>(
      app, action,
      {"plans", "List open yield plans: what they need, have and take from whom", nullptr, nullptr, false,
       [](Client& client, const std::string&) { return client.ListPlans(); }, PlansView});
  Register<v1::ListTenantsResponse>(
      app, action,
      {"tenants", "List tenants: use, quota, borrowing, spend", nullptr, nullptr, false,
       [](Client& client, const std::string&) { return client.ListTenants(); }, TenantsView});
  Register<v1::TenantStatus>(app, action,
                             {"tenant", "Show one tenant", "ID", "The tenant", true,
                              [](Client& client, const std::string& id) { return client.GetTenant(id); }, TenantView});
}

}  // namespace switchyard::client::cli
