#include "client/cli/completion.h"

#include <algorithm>
#include <vector>

#include "client/cli/text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

// One function for both shells: zsh runs it through bashcompinit. The words before the cursor, without options and
// their values, name the verb; $switchyard_words_<verb> holds what may follow it.
constexpr const char* kFunction = R"(_switchyard() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" verb="" word i words
  COMPREPLY=()
  case "$previous" in
{values}    {takes_value}) return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${{COMP_WORDS[i]}}"
    case "$word" in
      {takes_value}) ((i++)) ;;
      -*) ;;
      *) case "${{verb:+$verb }}$word" in
           {paths}) verb="${{verb:+$verb }}$word" ;;
         esac ;;
    esac
  done
  case "$verb" in
{words}  esac
  case "$verb:$current" in
    submit:[!-]*|submit:|check:[!-]*|check:) COMPREPLY=($(compgen -f -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
  esac
}}
complete -o filenames -F _switchyard switchyard
)";

void AppendNames(const CLI::Option& option, std::vector<std::string>* names) {
  for (const std::string& name : option.get_snames()) names->push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names->push_back("--" + name);
}

// The command line as the script needs it.
struct Grammar {
  std::vector<std::string> paths;        // "node", "node admit"
  std::vector<std::string> takes_value;  // options that are followed by a value
  std::string words;                     // a case for each path
};

void Collect(const CLI::App& app, const std::string& path, const std::vector<std::string>& inherited,
             Grammar* grammar) {
  std::vector<std::string> words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    words.push_back(verb->get_name());
  std::vector<std::string> options = inherited;
  const auto add_new = [](const std::vector<std::string>& names, std::vector<std::string>* list) {
    for (const std::string& name : names) {
      if (std::find(list->begin(), list->end(), name) == list->end()) list->push_back(name);
    }
  };
  for (const CLI::Option* option : app.get_options()) {
    std::vector<std::string> names;
    AppendNames(*option, &names);
    add_new(names, &options);
    if (option->get_items_expected_max() > 0) add_new(names, &grammar->takes_value);
  }
  if (path == "completion") words = {"bash", "zsh"};
  grammar->words += fmt::format("    \"{}\") words=\"{}{}{}\" ;;\n", path, fmt::join(words, " "),
                                words.empty() ? "" : " ", fmt::join(options, " "));
  if (!path.empty()) grammar->paths.push_back(path);
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    Collect(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), options, grammar);
  }
}

std::string ValueCase(const std::string& options, const std::vector<std::string>& words) {
  return fmt::format("    {}) COMPREPLY=($(compgen -W \"{}\" -- \"$current\")); return ;;\n", options,
                     fmt::join(words, " "));
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  Grammar grammar;
  Collect(app, "", {}, &grammar);
  std::vector<std::string> quoted_paths;
  for (const std::string& path : grammar.paths) quoted_paths.push_back(fmt::format("\"{}\"", path));
  const std::string values =
      ValueCase("-o|--output", {"table", "wide", "json", "yaml"}) + ValueCase("--state|--for", Words<v1::JobState>()) +
      ValueCase("--kind", Words<v1::JobKind>()) + ValueCase("--log-level", {"debug", "info", "warning", "error"}) +
      "    --config|--ca|--certificate|--key-file) COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n";
  const std::string function =
      fmt::format(kFunction, fmt::arg("values", values),
                  fmt::arg("takes_value", fmt::format("{}", fmt::join(grammar.takes_value, "|"))),
                  fmt::arg("paths", fmt::format("{}", fmt::join(quoted_paths, "|"))), fmt::arg("words", grammar.words));
  if (shell == "zsh") return "#compdef switchyard\nautoload -U +X bashcompinit && bashcompinit\n" + function;
  return "# bash completion of switchyard: source <(switchyard completion bash)\n" + function;
}

}  // namespace switchyard::client::cli
