// Standard output of the command line: the same answer as text for a person or as a document for a program.
#ifndef SWITCHYARD_CLIENT_CLI_OUTPUT_H_
#define SWITCHYARD_CLIENT_CLI_OUTPUT_H_

#include <cstdio>
#include <functional>
#include <google/protobuf/message.h>
#include <string>

#include "client/cli/table.h"
#include "client/cli/terminal.h"

namespace switchyard::client::cli {

enum class Format { kTable, kWide, kJson, kYaml };

// The protobuf JSON mapping: proto field names, enums by name, 64-bit integers as strings, fields with their default
// written out so that a script finds every field. `indented`: several lines; else one.
std::string ToJson(const google::protobuf::Message& message, bool indented);
// The same document as YAML (block style). `json` is any JSON text.
std::string JsonToYaml(const std::string& json);

class Output {
 public:
  Output(Format format, const Terminal& terminal) : format_(format), terminal_(terminal) {}

  Format format() const { return format_; }
  bool for_program() const { return format_ == Format::kJson || format_ == Format::kYaml; }
  const Terminal& terminal() const { return terminal_; }
  void set_terminal(const Terminal& terminal) { terminal_ = terminal; }
  // How to render now.
  View view() const;

  // One answer: the message for a program, `text` of it for a person.
  void Print(const google::protobuf::Message& message, const std::function<std::string(const View&)>& text);
  // JSON that no single message stands for.
  void PrintJson(const std::string& json);
  void PrintText(const std::string& text);

  // False once standard output takes no more (the reader of a pipe left): a stream that is printed should end.
  bool healthy() const { return std::ferror(stdout) == 0; }

 private:
  const Format format_;
  Terminal terminal_;
};

// Answers that come one by one. A finite stream is one document, a list; one that is followed is a document an item:
// JSON a line, YAML after "---".
class ItemStream {
 public:
  ItemStream(Output& output, bool endless) : output_(output), endless_(endless) {}
  // False when nobody reads any more.
  bool Print(const google::protobuf::Message& message, const std::function<std::string(const View&)>& text);
  void End();

 private:
  Output& output_;
  const bool endless_;
  bool first_ = true;
  std::string pending_json_;  // YAML of a finite stream is written as one list
};

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_OUTPUT_H_
