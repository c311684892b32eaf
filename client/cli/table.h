// Text for people: tables, records and paragraphs that fit a given width. Pure: the same cells and the same Style give
// the same bytes. Text that comes from elsewhere is made harmless: no control character of a job's output reaches the
// terminal.
#ifndef SWITCHYARD_CLIENT_CLI_TABLE_H_
#define SWITCHYARD_CLIENT_CLI_TABLE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace switchyard::client::cli {

// How to render, and the moment that ages are counted from.
struct View {
  int width = 0;  // columns; 0: unlimited
  bool colour = false;
  bool wide = false;  // also the columns for specialists
  int64_t now_utc_ms = 0;
};

enum class Tone { kPlain, kStrong, kFaint, kGood, kWarning, kBad };

struct Cell {
  Cell(std::string text_in, Tone tone_in = Tone::kPlain)
      : text(std::move(text_in)), tone(tone_in) {}                  // NOLINT: cells are texts
  Cell(const char* text_in) : text(text_in), tone(Tone::kPlain) {}  // NOLINT
  std::string text;
  Tone tone;
};

struct Column {
  enum class Side { kLeft, kRight };
  std::string header;
  Side side = Side::kLeft;
  bool wide_only = false;
};
// Numbers stand right, so that their units line up.
Column NumberColumn(std::string header);
Column WideColumn(std::string header);

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: one cell a column, those of wide columns included.
  void AddRow(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // One line a row beneath a line of headers. Where the width does not suffice the widest columns are cut first, each
  // cut marked by "…"; no line is wider than the view.
  std::string Render(const View& view) const;

 private:
  std::vector<int> Widths(const View& view, const std::vector<size_t>& shown) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// One thing in detail: a name and a value a line, values aligned; a long value goes on beneath itself.
class Record {
 public:
  void Add(std::string name, Cell value) { lines_.emplace_back(std::move(name), std::move(value)); }
  // The same, unless the value is empty.
  void AddIfAny(std::string name, std::string value);
  std::string Render(const View& view) const;

 private:
  std::vector<std::pair<std::string, Cell>> lines_;
};

// `text` in lines of at most the view's width, broken between words, each after `indent` spaces.
std::string Paragraph(const std::string& text, int indent, const View& view);

// A heading over what follows, set apart by an empty line.
std::string Heading(const std::string& text, const View& view);

std::string Toned(const std::string& text, Tone tone, const View& view);

// Columns that `text` takes: its code points. Control characters are gone (Harmless) before this is asked.
int DisplayWidth(const std::string& text);
// `text` cut to `width` columns, with "…" as the last where something was cut.
std::string Truncate(const std::string& text, int width);
// `text` with each control character replaced by a space.
std::string Harmless(const std::string& text);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_TABLE_H_
