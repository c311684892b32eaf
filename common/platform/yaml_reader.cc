#include "common/platform/yaml_reader.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "absl/status/status.h"
#include "fmt/ranges.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace switchyard::platform {
namespace {

constexpr size_t kMaxReported = 50;  // more lines than a person mends at once

YamlPosition At(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Builds the tree from the parser's events, so that positions, doubled keys and depth are seen as they come. A problem does not
// stop the reading: all of them are wanted.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& file) : file_(file) {}

  void OnDocumentStart(const YAML::Mark&) override { open_.clear(); }
  void OnDocumentEnd() override { open_.clear(); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Leaf(YamlValue(YamlValue::Kind::kNull, At(mark))); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Report(At(mark), "an alias (*), which is not allowed here; write the value out");
    Leaf(YamlValue(YamlValue::Kind::kNull, At(mark)));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    CheckPlain(mark, tag, anchor);
    YamlValue scalar(YamlValue::Kind::kScalar, At(mark));
    scalar.scalar = value;
    scalar.quoted = tag == "!";  // what yaml-cpp gives a quoted scalar
    if (!scalar.quoted && (value == "~" || value == "null") && !ExpectsKey()) scalar = YamlValue(YamlValue::Kind::kNull, At(mark));
    Leaf(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlValue::Kind::kSequence);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, YamlValue::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  void Report(YamlPosition position, const std::string& what) {
    if (problems_.size() < kMaxReported) problems_.push_back(fmt::format("{}:{}:{}: {}", file_, position.line, position.column, what));
  }
  const std::vector<std::string>& problems() const { return problems_; }
  std::vector<YamlValue> TakeDocuments() { return std::move(documents_); }

 private:
  struct OpenCollection {
    YamlValue value;
    bool has_key = false;  // of a map: the next value belongs to it
    YamlEntry key;
    std::set<std::string> seen;
  };

  bool ExpectsKey() const { return !open_.empty() && open_.back().value.kind == YamlValue::Kind::kMap && !open_.back().has_key; }

  void CheckPlain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Report(At(mark), "an anchor (&), which is not allowed here; write the value out where it is needed");
    if (!tag.empty() && tag != "?" && tag != "!") Report(At(mark), fmt::format("a tag ({}), which is not allowed here; remove it", tag));
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlValue::Kind kind) {
    CheckPlain(mark, tag, anchor);
    if (ExpectsKey()) Report(At(mark), "a list or map used as a key, allowed is a word; write `key: value`");
    if (open_.size() >= static_cast<size_t>(kMaxYamlDepth)) {
      throw YAML::ParserException(mark, fmt::format("nested deeper than {} levels, the most that is read", kMaxYamlDepth));
    }
    OpenCollection& opened = open_.emplace_back();
    opened.value.kind = kind;
    opened.value.position = At(mark);
  }

  void Close() {
    YamlValue value = std::move(open_.back().value);
    open_.pop_back();
    if (ExpectsKey()) {  // was reported when it opened
      open_.back().has_key = true;
      open_.back().key = {.key = "", .position = value.position, .value = {}};
      return;
    }
    Place(std::move(value));
  }

  void Leaf(YamlValue value) {
    if (++values_ > kMaxYamlValues) {
      throw YAML::ParserException(YAML::Mark::null_mark(), fmt::format("more than {} values, the most that is read", kMaxYamlValues));
    }
    if (!ExpectsKey()) {
      Place(std::move(value));
      return;
    }
    OpenCollection& map = open_.back();
    if (value.kind != YamlValue::Kind::kScalar) {
      Report(value.position, "an empty key, allowed is a word; write `key: value`");
    } else if (!map.seen.insert(value.scalar).second) {
      Report(value.position, fmt::format("key \"{}\" stands twice in this map, allowed is once; remove one", value.scalar));
    }
    map.has_key = true;
    map.key = {.key = value.scalar, .position = value.position, .value = {}};
  }

  void Place(YamlValue value) {
    if (open_.empty()) {
      documents_.push_back(std::move(value));
      return;
    }
    OpenCollection& parent = open_.back();
    if (parent.value.kind == YamlValue::Kind::kSequence) {
      parent.value.items.push_back(std::move(value));
      return;
    }
    parent.key.value = std::move(value);
    parent.value.entries.push_back(std::move(parent.key));
    parent.has_key = false;
  }

  std::string file_;
  std::vector<OpenCollection> open_;
  std::vector<YamlValue> documents_;
  std::vector<std::string> problems_;
  int values_ = 0;
};

// Letters that must be changed, added, removed or swapped with their neighbour.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), previous(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[b.size()];
}

}  // namespace

const YamlValue* YamlValue::Find(const std::string& key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::string YamlValue::Describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      return fmt::format("\"{}\"", scalar.size() > 80 ? scalar.substr(0, 77) + "..." : scalar);
    case Kind::kSequence:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "nothing";
}

absl::StatusOr<std::vector<YamlValue>> ParseYaml(const std::string& text, const std::string& file) {
  TreeBuilder builder(file);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const YamlPosition position = error.mark.is_null() ? YamlPosition{1, 1} : At(error.mark);
    builder.Report(position, fmt::format("not readable as YAML: {}", error.msg));
  }
  if (!builder.problems().empty()) return absl::InvalidArgumentError(fmt::format("{}", fmt::join(builder.problems(), "\n")));
  return builder.TakeDocuments();
}

std::string NearestName(const std::string& word, const std::vector<std::string>& names) {
  std::string nearest;
  size_t least = std::max<size_t>(2, word.size() / 3) + 1;  // farther away it is another word, not a slip
  for (const std::string& name : names) {
    const size_t distance = EditDistance(word, name);
    if (distance < least && distance < name.size()) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

}  // namespace switchyard::platform
