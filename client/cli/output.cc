#include "client/cli/output.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <google/protobuf/util/json_util.h>
#include <set>

#include "common/check.h"
#include <yaml-cpp/yaml.h>

namespace switchyard::client::cli {
namespace {

// A plain YAML scalar only where no reader could take it for a number, a boolean or a piece of syntax.
bool ReadsAsText(const std::string& text) {
  static const std::set<std::string> kWordsOfYaml = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text.front())) || text.front() == '/')) return false;
  const bool harmless = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '/' || c == '-' || c == '@';
  });
  std::string lower = text;
  for (char& letter : lower) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return harmless && kWordsOfYaml.count(lower) == 0;
}

void Emit(const YAML::Node& node, YAML::Emitter& out) {
  if (node.IsMap()) {
    if (node.size() == 0) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& entry : node) {
      out << YAML::Key << entry.first.Scalar() << YAML::Value;
      Emit(entry.second, out);
    }
    out << YAML::EndMap;
  } else if (node.IsSequence()) {
    if (node.size() == 0) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const auto& item : node) Emit(item, out);
    out << YAML::EndSeq;
  } else if (node.IsScalar() && node.Tag() == "!" && !ReadsAsText(node.Scalar())) {
    out << YAML::DoubleQuoted << node.Scalar();  // "!" is yaml-cpp's word for: was quoted, so is a text
  } else if (node.IsScalar()) {
    out << node.Scalar();
  } else {
    out << YAML::Null;
  }
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  SWITCHYARD_CHECK(status.ok()) << message.GetTypeName() << ": " << status.ToString();
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return json;
}

std::string JsonToYaml(const std::string& json) {
  YAML::Emitter out;
  Emit(YAML::Load(json), out);
  return out.c_str();
}

View Output::view() const {
  View view;
  view.width = terminal_.width;
  view.colour = terminal_.colour;
  view.wide = format_ == Format::kWide;
  view.now_utc_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  return view;
}

void Output::Print(const google::protobuf::Message& message, const std::function<std::string(const View&)>& text) {
  if (for_program()) {
    PrintJson(ToJson(message, true));
  } else {
    PrintText(text(view()));
  }
}

void Output::PrintJson(const std::string& json) {
  PrintText((format_ == Format::kYaml ? JsonToYaml(json) : json) + "\n");
}

void Output::PrintText(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool ItemStream::Print(const google::protobuf::Message& message, const std::function<std::string(const View&)>& text) {
  if (!output_.for_program()) {
    output_.PrintText(text(output_.view()));
  } else if (endless_ && output_.format() == Format::kYaml) {
    output_.PrintText("---\n" + JsonToYaml(ToJson(message, false)) + "\n");
  } else if (endless_) {
    output_.PrintText(ToJson(message, false) + "\n");
  } else {
    pending_json_ += (first_ ? "" : ",\n") + ToJson(message, false);
  }
  first_ = false;
  return output_.healthy();
}

void ItemStream::End() {
  if (output_.for_program() && !endless_) output_.PrintJson("[" + pending_json_ + "]");
}

}  // namespace switchyard::client::cli
