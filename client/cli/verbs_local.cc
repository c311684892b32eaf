// check and completion: verbs that need no scheduler.
#include <cstdio>
#include <string>
#include <vector>

#include "client/cli/check_file.h"
#include "client/cli/completion.h"
#include "client/cli/verbs.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

struct CheckArguments {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
};

absl::StatusOr<int> Check(const CheckArguments& arguments, VerbContext& context) {
  std::vector<CheckedFile> checked;
  int exit_code = kExitDone;
  for (const std::string& file : arguments.files) {
    checked.push_back(CheckFile(file, arguments.overrides));
    if (!checked.back().errors.empty()) exit_code = kExitFailed;
  }
  if (context.output().for_program()) {
    context.output().PrintJson(CheckedFilesJson(checked));
    return exit_code;
  }
  for (const CheckedFile& file : checked) {
    for (const std::string& error : file.errors) std::fprintf(stderr, "%s\n", Harmless(error).c_str());
    for (const std::string& warning : file.warnings)
      std::fprintf(stderr, "%s\n", Harmless("warning: " + warning).c_str());
    if (file.errors.empty()) {
      context.output().PrintText(fmt::format("{}: a valid {} file: {}\n", file.file, file.kind, file.summary));
    }
  }
  return exit_code;
}

void RegisterCheck(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* verb = app.add_subcommand("check", "Validate job, cluster, agent and client files; needs no scheduler");
  verb->add_option("FILE", arguments->files, "Files; what each is, is told by its content")->required();
  verb->add_option("--set", arguments->overrides, "Override path=value in job files; repeatable")
      ->expected(1)
      ->take_all();
  verb->callback(
      [arguments, action] { *action = [arguments](VerbContext& context) { return Check(*arguments, context); }; });
}

void RegisterCompletion(CLI::App& app, Action* action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Print a completion script: source <(switchyard completion bash)");
  verb->add_option("SHELL", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
  verb->callback([&app, shell, action] {
    *action = [&app, shell](VerbContext& context) -> absl::StatusOr<int> {
      context.output().PrintText(CompletionScript(app, *shell));
      return kExitDone;
    };
  });
}

}  // namespace

void RegisterLocalVerbs(CLI::App& app, Action* action) {
  RegisterCheck(app, action);
  RegisterCompletion(app, action);
}

}  // namespace switchyard::client::cli
