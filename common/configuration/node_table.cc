#include "common/configuration/node_table.h"

#include <sstream>

#include "common/configuration/cluster_schema.h"
#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

YamlValue Scalar(const std::string& text, platform::YamlPosition position) {
  YamlValue value(YamlValue::Kind::kScalar, position);
  value.scalar = text;
  return value;
}

std::vector<YamlValue> Split(const std::string& line, char separator, platform::YamlPosition position) {
  std::vector<YamlValue> parts;
  size_t from = 0;
  while (true) {
    const size_t to = line.find(separator, from);
    const std::string part = Trim(line.substr(from, to == std::string::npos ? to : to - from));
    parts.push_back(Scalar(part, {position.line, position.column + static_cast<int>(from)}));
    if (to == std::string::npos) return parts;
    from = to + 1;
  }
}

// A cell as the YAML that would say the same.
YamlValue CellValue(const std::string& column, const YamlValue& cell) {
  if (column != "feeds_from" && column != "labels" && column != "taints") return cell;
  YamlValue value(column == "labels" ? YamlValue::Kind::kMap : YamlValue::Kind::kSequence, cell.position);
  for (const YamlValue& part : Split(cell.scalar, ';', cell.position)) {
    const size_t equals = part.scalar.find('=');
    const std::string left = part.scalar.substr(0, equals);
    const YamlValue right = Scalar(equals == std::string::npos ? "" : part.scalar.substr(equals + 1), part.position);
    if (column == "labels") {
      value.entries.push_back({left, part.position, right});
    } else if (column == "feeds_from" && equals != std::string::npos) {
      YamlValue edge(YamlValue::Kind::kMap, part.position);
      edge.entries.push_back({"budget", part.position, Scalar(left, part.position)});
      edge.entries.push_back({"share", part.position, right});
      value.items.push_back(std::move(edge));
    } else {
      value.items.push_back(part);
    }
  }
  return value;
}

}  // namespace

void BindNodeTable(Binder* binder, const std::string& text, v1::ClusterConfiguration* configuration) {
  std::istringstream lines(text);
  std::string line;
  std::vector<YamlValue> columns;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (Trim(line).empty() || line.front() == '#') continue;
    const std::vector<YamlValue> cells = Split(line, ',', {number, 1});
    if (columns.empty()) {
      columns = cells;
      continue;
    }
    YamlValue row(YamlValue::Kind::kMap, {number, 1});
    if (cells.size() != columns.size()) {
      binder->Report(row, fmt::format("{} fields, required are {} as in the first line; add or remove commas", cells.size(), columns.size()));
      continue;
    }
    for (size_t i = 0; i < cells.size(); ++i) {
      if (cells[i].scalar.empty()) continue;
      row.entries.push_back({columns[i].scalar, cells[i].position, CellValue(columns[i].scalar, cells[i])});
    }
    BindNodes(binder, row, configuration);
  }
}

}  // namespace switchyard::configuration
