#include "client/cli/table.h"

#include <algorithm>
#include <sstream>

#include "common/check.h"

namespace switchyard::client::cli {
namespace {

constexpr int kGap = 2;             // spaces between columns
constexpr int kColumnWidthMin = 4;  // three characters and the mark of the cut

bool StartsCodePoint(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

std::string Padded(const std::string& text, int width, Column::Side side) {
  const std::string space(static_cast<size_t>(std::max(0, width - DisplayWidth(text))), ' ');
  return side == Column::Side::kRight ? space + text : text + space;
}

void TrimRight(std::string* line) { line->erase(line->find_last_not_of(' ') + 1); }

const char* ToneCode(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kStrong:
      return "\x1b[1m";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
  }
  return "";
}

// Breaks between words at `width` columns (0: nowhere); a word longer than a line stays whole, for it may be copied.
std::vector<std::string> Flow(const std::string& text, int width) {
  std::vector<std::string> lines(1);
  std::istringstream words(Harmless(text));
  for (std::string word; words >> word;) {
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (width == 0 || DisplayWidth(line) + 1 + DisplayWidth(word) <= width) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

}  // namespace

Column NumberColumn(std::string header) { return Column{std::move(header), Column::Side::kRight, false}; }
Column WideColumn(std::string header) { return Column{std::move(header), Column::Side::kLeft, true}; }

std::string Toned(const std::string& text, Tone tone, const View& view) {
  if (!view.colour || tone == Tone::kPlain || text.empty()) return text;
  return ToneCode(tone) + text + "\x1b[0m";
}

int DisplayWidth(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), StartsCodePoint));
}

std::string Truncate(const std::string& text, int width) {
  if (DisplayWidth(text) <= width) return text;
  if (width <= 0) return "";
  std::string kept;
  int columns = 0;
  for (const char byte : text) {
    if (StartsCodePoint(byte) && ++columns == width) break;
    kept += byte;
  }
  return kept + "…";
}

std::string Harmless(const std::string& text) {
  std::string clean = text;
  for (char& byte : clean) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = ' ';
  }
  // The C1 controls are two bytes in UTF-8, 0xc2 0x80..0x9f; some terminals obey them.
  for (size_t i = 0; i + 1 < clean.size(); ++i) {
    if (static_cast<unsigned char>(clean[i]) == 0xc2 && static_cast<unsigned char>(clean[i + 1]) < 0xa0) {
      clean[i] = clean[i + 1] = ' ';
    }
  }
  return clean;
}

void Table::AddRow(std::vector<Cell> cells) {
  SWITCHYARD_CHECK(cells.size() == columns_.size()) << cells.size() << " cells for " << columns_.size() << " columns";
  for (Cell& cell : cells) {
    cell.text = Harmless(cell.text);
    if (cell.text.empty()) cell.text = "-";
  }
  rows_.push_back(std::move(cells));
}

std::vector<int> Table::Widths(const View& view, const std::vector<size_t>& shown) const {
  std::vector<int> widths;
  int total = -kGap;
  for (const size_t column : shown) {
    int width = DisplayWidth(columns_[column].header);
    for (const std::vector<Cell>& row : rows_) width = std::max(width, DisplayWidth(row[column].text));
    widths.push_back(width);
    total += width + kGap;
  }
  // Words give way before numbers: half a figure is worse than none.
  for (const bool numbers_too : {false, true}) {
    while (view.width > 0 && total > view.width) {
      int widest = -1;
      for (size_t i = 0; i < shown.size(); ++i) {
        if (columns_[shown[i]].side == Column::Side::kRight && !numbers_too) continue;
        if (widths[i] > kColumnWidthMin && (widest < 0 || widths[i] > widths[static_cast<size_t>(widest)])) {
          widest = static_cast<int>(i);
        }
      }
      if (widest < 0) break;
      --widths[static_cast<size_t>(widest)];
      --total;
    }
  }
  return widths;
}

std::string Table::Render(const View& view) const {
  std::vector<size_t> shown;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (view.wide || !columns_[i].wide_only) shown.push_back(i);
  }
  std::vector<int> widths = Widths(view, shown);
  // A terminal narrower than the narrowest table: the last columns go, rather than break the lines.
  int total = -kGap;
  for (const int width : widths) total += width + kGap;
  while (view.width > 0 && total > view.width && shown.size() > 1) {
    total -= widths.back() + kGap;
    widths.pop_back();
    shown.pop_back();
  }

  const auto render_line = [&](const auto& cell_of) {
    std::string line;
    for (size_t i = 0; i < shown.size(); ++i) {
      const Cell cell = cell_of(shown[i]);
      std::string text = Padded(Truncate(cell.text, widths[i]), widths[i], columns_[shown[i]].side);
      if (i + 1 == shown.size()) TrimRight(&text);
      if (i > 0) line += std::string(kGap, ' ');
      line += Toned(text, cell.tone, view);
    }
    return line + "\n";
  };
  std::string out = render_line([&](size_t column) { return Cell(columns_[column].header, Tone::kStrong); });
  for (const std::vector<Cell>& row : rows_) out += render_line([&](size_t column) { return row[column]; });
  return out;
}

void Record::AddIfAny(std::string name, std::string value) {
  if (!value.empty()) Add(std::move(name), std::move(value));
}

std::string Record::Render(const View& view) const {
  int names = 0;
  for (const auto& [name, value] : lines_) names = std::max(names, DisplayWidth(name));
  std::string out;
  for (const auto& [name, value] : lines_) {
    const int room = view.width == 0 ? 0 : std::max(view.width - names - kGap, 20);
    std::string lead = Toned(Padded(name, names, Column::Side::kLeft), Tone::kFaint, view) + std::string(kGap, ' ');
    for (const std::string& line : Flow(value.text.empty() ? "-" : value.text, room)) {
      out += lead + Toned(line, value.tone, view) + "\n";
      lead = std::string(static_cast<size_t>(names + kGap), ' ');
    }
  }
  return out;
}

std::string Paragraph(const std::string& text, int indent, const View& view) {
  std::string out;
  for (const std::string& line : Flow(text, view.width == 0 ? 0 : std::max(view.width - indent, 20))) {
    out += std::string(static_cast<size_t>(indent), ' ') + line + "\n";
  }
  return out;
}

std::string Heading(const std::string& text, const View& view) {
  return "\n" + Toned(text, Tone::kStrong, view) + "\n";
}

}  // namespace switchyard::client::cli
