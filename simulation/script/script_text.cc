#include "simulation/script/script_text.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "fmt/format.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "simulation/script/cluster.h"

namespace switchyard::simulation {
namespace {

constexpr int kVersion = 1;

std::string Thousandths(int64_t value, const char* unit) {
  const int64_t size = value < 0 ? -value : value;
  return fmt::format("{}{}.{:03}{}", value < 0 ? "-" : "", size / 1000, size % 1000, unit);
}
std::string Text(Duration duration) { return Thousandths(duration.count(), "s"); }
std::string Text(MonoTime time) { return Thousandths(time.milliseconds(), "s"); }

std::string OneLine(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

bool Same(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  return google::protobuf::util::MessageDifferencer::Equals(a, b);
}

// The caps that alone make `changed` out of `first`, or nothing.
std::optional<std::vector<std::string>> CapsAlone(const v1::ClusterConfiguration& first,
                                                  const v1::ClusterConfiguration& changed) {
  const std::vector<std::string> names = BudgetNames(first);
  if (names != BudgetNames(changed)) return std::nullopt;
  v1::ClusterConfiguration made = first;
  std::vector<std::string> caps;
  for (size_t b = 0; b < names.size(); ++b) {
    const Power cap = CapOf(changed, b);
    if (cap == CapOf(first, b)) continue;
    SetCap(&made, b, cap);
    caps.push_back(names[b] + " " + Thousandths(cap.count(), "W"));
  }
  if (!Same(made, changed)) return std::nullopt;
  return caps;
}

std::string PrintReload(const Deed& deed, const v1::ClusterConfiguration& first) {
  const auto caps = CapsAlone(first, deed.configuration);
  if (!caps.has_value()) return "reload configuration";
  return "reload caps " + (caps->empty() ? std::string("none") : absl::StrJoin(*caps, ", "));
}

std::string PrintSubmit(const Deed& deed) {
  std::string line = "submit " + deed.key;
  if (deed.runs != Duration()) line += " runs " + Text(deed.runs);
  if (deed.exit_code != 0) line += " exit " + std::to_string(deed.exit_code);
  if (!deed.after.empty()) line += " after " + absl::StrJoin(deed.after, ",");
  return line + " job " + OneLine(deed.job);
}

// The first error of protobuf text, instead of a line on standard error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("{}:{}: {}", line + 1, column + 1, message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Empty: it was read.
std::string ReadMessage(const std::string& text, google::protobuf::Message* message) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(text, message)) return "";
  return "no protobuf text of " + message->GetDescriptor()->name() + ": " + error.text();
}

std::string PrintConfiguration(const v1::ClusterConfiguration& configuration) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetInitialIndentLevel(1);
  std::string text;
  printer.PrintToString(configuration, &text);
  return text + "end\n";
}

// ---- reading ----

// The words of one line, taken from the left.
class Words {
 public:
  explicit Words(std::string line) : rest_(std::move(line)) { Trim(); }

  std::string Next() {
    const size_t space = rest_.find(' ');
    std::string word = rest_.substr(0, space);
    rest_ = space == std::string::npos ? "" : rest_.substr(space + 1);
    Trim();
    return word;
  }
  bool Take(const std::string& word) {
    if (Peek() != word) return false;
    Next();
    return true;
  }
  std::string Peek() const { return rest_.substr(0, rest_.find(' ')); }
  std::string TakeRest() { return std::exchange(rest_, ""); }
  bool empty() const { return rest_.empty(); }

 private:
  void Trim() { rest_.erase(0, rest_.find_first_not_of(' ')); }
  std::string rest_;
};

bool ParseThousandths(const std::string& text, const std::string& unit, int64_t* out) {
  if (!text.ends_with(unit)) return false;
  std::string number = text.substr(0, text.size() - unit.size());
  const bool negative = number.starts_with("-");
  if (negative) number.erase(0, 1);
  const size_t point = number.find('.');
  std::string fraction = point == std::string::npos ? "" : number.substr(point + 1);
  if (fraction.size() > 3) return false;
  fraction.resize(3, '0');
  int64_t whole = 0, parts = 0;
  if (!absl::SimpleAtoi(number.substr(0, point), &whole) || !absl::SimpleAtoi(fraction, &parts) || whole < 0 ||
      parts < 0)
    return false;
  *out = (whole * 1000 + parts) * (negative ? -1 : 1);
  return true;
}

class Reader {
 public:
  absl::StatusOr<Script> Read(const std::string& text) {
    const std::vector<std::string> lines = absl::StrSplit(text, '\n');
    bool version = false, configured = false;
    for (; line_ < lines.size(); ++line_) {
      Words words(lines[line_]);
      if (words.empty() || words.Peek().starts_with("#")) continue;
      const std::string word = words.Next();
      bool sound = false;
      if (word == "script") {
        sound = version = words.TakeRest() == std::to_string(kVersion);
      } else if (word == "seed") {
        sound = absl::SimpleAtoi(words.TakeRest(), &script_.seed);
      } else if (word == "profile") {
        script_.profile = words.TakeRest();
        sound = true;
      } else if (word == "length") {
        int64_t length = 0;
        sound = ParseThousandths(words.TakeRest(), "s", &length);
        script_.length = Milliseconds(length);
      } else if (word == "at") {
        sound = ReadDeed(&words);
      } else if (word == "configuration") {
        sound = ReadConfiguration(words.TakeRest(), lines, &configured);
      }
      if (!sound) return Wrong(lines[std::min(line_, lines.size() - 1)]);
    }
    if (!version) return absl::InvalidArgumentError("script: no line \"script 1\", required is one; is this a script?");
    if (!configured) return absl::InvalidArgumentError("script: no configuration, required is one; add its block");
    return Finish();
  }

 private:
  absl::Status Wrong(const std::string& line) const {
    return absl::InvalidArgumentError(fmt::format(
        "script line {}: \"{}\" is not a line of a script{}; simulation/script/script_text.h shows the form", line_ + 1,
        line.substr(0, 120), detail_.empty() ? "" : " (" + detail_ + ")"));
  }

  bool ReadDeed(Words* words) {
    Deed deed;
    int64_t at = 0;
    if (!ParseThousandths(words->Next(), "s", &at)) return Because("the moment is written 12.340s");
    deed.at = MonoTime(at);
    const std::string what = words->Next();
    const bool sound = what == "submit"     ? ReadSubmit(words, &deed)
                       : what == "cancel"   ? ReadCancel(words, &deed)
                       : what == "fault"    ? ReadFault(words, &deed)
                       : what == "operator" ? ReadOperator(words, &deed)
                       : what == "reload"   ? ReadReload(words, &deed)
                                            : Because("deeds are submit, cancel, fault, operator, reload");
    if (!sound) return false;
    if (!script_.deeds.empty() && deed.at < script_.deeds.back().at) return Because("deeds stand in the order of time");
    script_.deeds.push_back(std::move(deed));
    return words->empty() || Because("too many words");
  }

  bool ReadSubmit(Words* words, Deed* deed) {
    deed->kind = Deed::Kind::kSubmit;
    deed->key = words->Next();
    int64_t runs = 0;
    if (words->Take("runs") && !ParseThousandths(words->Next(), "s", &runs)) return Because("a run is written 12.340s");
    deed->runs = Milliseconds(runs);
    if (words->Take("exit") && !absl::SimpleAtoi(words->Next(), &deed->exit_code))
      return Because("an exit code is a number");
    if (words->Take("after")) deed->after = absl::StrSplit(words->Next(), ',');
    if (!words->Take("job")) return Because("a submit ends with its job");
    const std::string wrong = ReadMessage(words->TakeRest(), &deed->job);
    return wrong.empty() || Because(wrong);
  }
  bool ReadCancel(Words* words, Deed* deed) {
    deed->kind = Deed::Kind::kCancel;
    deed->key = words->Next();
    return !deed->key.empty();
  }
  bool ReadFault(Words* words, Deed* deed) {
    deed->kind = Deed::Kind::kFault;
    const std::string name = words->Next();
    const std::optional<FaultKind> kind = FaultKindByName(name);
    if (!kind.has_value()) return Because("there is no fault \"" + name + "\"");
    deed->fault = *kind;
    deed->subject = words->Next();
    if (deed->subject == "-") deed->subject.clear();
    int64_t span = 0;
    if (words->Take("for") && !ParseThousandths(words->Next(), "s", &span)) return Because("a span is written 12.340s");
    deed->span = Milliseconds(span);
    return !words->Take("amount") || absl::SimpleAtoi(words->Next(), &deed->amount) ||
           Because("an amount is a whole number");
  }
  bool ReadOperator(Words* words, Deed* deed) {
    deed->kind = Deed::Kind::kOperator;
    deed->subject = words->Next();
    if (!words->Take("says")) return Because("an operator says something of a node");
    std::string rest = words->TakeRest();
    if (const size_t found = rest.find(" deadline "); found != std::string::npos) {
      int64_t span = 0;
      if (!ParseThousandths(rest.substr(found + 10), "s", &span)) return Because("a deadline is written 12.340s");
      deed->span = Milliseconds(span);
      rest.resize(found);
    }
    for (const std::string& word : OperatorWords()) {
      if (rest == word) deed->word = word;
    }
    return !deed->word.empty() || Because("no operator says \"" + rest + "\"");
  }
  bool ReadReload(Words* words, Deed* deed) {
    deed->kind = Deed::Kind::kReload;
    if (words->Take("configuration")) {
      int number = 0;
      if (!absl::SimpleAtoi(words->Next(), &number)) return Because("a configuration is named by its number");
      numbered_[script_.deeds.size()] = number;
      return true;
    }
    if (!words->Take("caps")) return Because("a reload is of caps or of a configuration");
    std::vector<std::pair<std::string, int64_t>>& caps = caps_[script_.deeds.size()];
    const std::string rest = words->TakeRest();
    if (rest == "none") return true;
    for (const absl::string_view part : absl::StrSplit(rest, ", ")) {
      Words pair{std::string(part)};
      const std::string budget = pair.Next();
      int64_t cap = 0;
      if (!ParseThousandths(pair.TakeRest(), "W", &cap)) return Because("a cap is written s/meter 1000.000W");
      caps.emplace_back(budget, cap);
    }
    return true;
  }

  bool ReadConfiguration(const std::string& number, const std::vector<std::string>& lines, bool* configured) {
    int index = 1;
    if (!number.empty() && !absl::SimpleAtoi(number, &index)) return Because("a configuration's number is a number");
    std::string text;
    for (++line_; line_ < lines.size() && lines[line_] != "end"; ++line_) absl::StrAppend(&text, lines[line_], "\n");
    if (line_ == lines.size()) return Because("a configuration ends with a line \"end\"");
    *configured = *configured || index == 1;
    const std::string wrong = ReadMessage(text, &configurations_[index]);
    return wrong.empty() || Because(wrong);
  }

  absl::StatusOr<Script> Finish() {
    script_.configuration = configurations_[1];
    for (const auto& [deed, number] : numbered_) {
      const auto found = configurations_.find(number);
      if (found == configurations_.end()) {
        return absl::InvalidArgumentError(
            fmt::format("script: a reload of configuration {}, which has no block; add it", number));
      }
      script_.deeds[deed].configuration = found->second;
    }
    const std::vector<std::string> names = BudgetNames(script_.configuration);
    for (const auto& [deed, caps] : caps_) {
      script_.deeds[deed].configuration = script_.configuration;
      for (const auto& [name, cap] : caps) {
        size_t index = 0;
        while (index < names.size() && names[index] != name) ++index;
        if (index == names.size())
          return absl::InvalidArgumentError(
              fmt::format("script: a reload with a cap of \"{}\", which is no budget; correct it", name));
        SetCap(&script_.deeds[deed].configuration, index, Milliwatts(cap));
      }
    }
    return std::move(script_);
  }

  bool Because(std::string detail) {
    detail_ = std::move(detail);
    return false;
  }

  Script script_;
  size_t line_ = 0;
  std::string detail_;
  std::map<int, v1::ClusterConfiguration> configurations_;  // 1: the script's own
  std::map<size_t, int> numbered_;                          // by deed
  std::map<size_t, std::vector<std::pair<std::string, int64_t>>> caps_;
};

}  // namespace

std::string PrintDeed(const Deed& deed, const v1::ClusterConfiguration& first) {
  std::string line = "at " + Text(deed.at) + " ";
  switch (deed.kind) {
    case Deed::Kind::kSubmit:
      return line + PrintSubmit(deed);
    case Deed::Kind::kCancel:
      return line + "cancel " + deed.key;
    case Deed::Kind::kFault:
      return line + fmt::format("fault {} {} for {} amount {}", Name(deed.fault),
                                deed.subject.empty() ? "-" : deed.subject, Text(deed.span), deed.amount);
    case Deed::Kind::kOperator:
      return line + "operator " + deed.subject + " says " + deed.word +
             (deed.span == Duration() ? "" : " deadline " + Text(deed.span));
    case Deed::Kind::kReload:
      return line + PrintReload(deed, first);
  }
  return line;
}

std::string PrintScript(const Script& script) {
  std::string text = fmt::format("script {}\nseed {}\n", kVersion, script.seed);
  if (!script.profile.empty()) text += "profile " + script.profile + "\n";
  text += "length " + Text(script.length) + "\n";
  std::vector<const v1::ClusterConfiguration*> blocks = {&script.configuration};
  for (const Deed& deed : script.deeds) {
    text += PrintDeed(deed, script.configuration);
    if (deed.kind == Deed::Kind::kReload && text.ends_with("reload configuration")) {
      size_t number = 1;
      while (number < blocks.size() && !Same(*blocks[number], deed.configuration)) ++number;
      if (number == blocks.size()) blocks.push_back(&deed.configuration);
      text += " " + std::to_string(number + 1);
    }
    text += "\n";
  }
  for (size_t b = 0; b < blocks.size(); ++b) {
    text += (b == 0 ? std::string("configuration\n") : fmt::format("configuration {}\n", b + 1)) +
            PrintConfiguration(*blocks[b]);
  }
  return text;
}

absl::StatusOr<Script> ParseScript(const std::string& text) { return Reader().Read(text); }

}  // namespace switchyard::simulation
