#include "client/cli/terminal.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace switchyard::client::cli {
namespace {

constexpr char kEnterScreen[] = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr char kLeaveScreen[] = "\x1b[?25h\x1b[?1049l";
std::atomic<bool> screen_shown{false};

bool EnvironmentIsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] != '\0';
}

}  // namespace

Terminal LookAtTerminal() {
  Terminal terminal;
  terminal.is_terminal = isatty(STDOUT_FILENO) == 1;
  if (!terminal.is_terminal) return terminal;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
    terminal.width = size.ws_col;
    terminal.height = size.ws_row;
  }
  const char* type = std::getenv("TERM");
  terminal.colour = !EnvironmentIsSet("NO_COLOR") && type != nullptr && std::strcmp(type, "dumb") != 0;
  return terminal;
}

bool StderrIsTerminal() { return isatty(STDERR_FILENO) == 1; }

Screen::Screen() {
  screen_shown = true;
  std::fputs(kEnterScreen, stdout);
  std::fflush(stdout);
}

Screen::~Screen() {
  std::fflush(stdout);
  RestoreScreen();
}

void RestoreScreen() {
  if (!screen_shown.exchange(false)) return;
  // A terminal that is gone needs nothing back.
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, kLeaveScreen, sizeof(kLeaveScreen) - 1);
}

void Screen::Draw(const std::string& frame, int height) {
  std::string out = "\x1b[H";
  int lines = 0;
  for (size_t begin = 0; begin < frame.size() && (height == 0 || lines < height); ++lines) {
    const size_t end = std::min(frame.find('\n', begin), frame.size());
    if (lines > 0) out += "\r\n";
    out += frame.substr(begin, end - begin) + "\x1b[K";
    begin = end + 1;
  }
  out += "\x1b[J";
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

}  // namespace switchyard::client::cli
