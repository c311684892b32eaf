// What standard output is: a terminal of some width that may be coloured and redrawn, or a pipe that gets plain, whole
// lines.
#ifndef SWITCHYARD_CLIENT_CLI_TERMINAL_H_
#define SWITCHYARD_CLIENT_CLI_TERMINAL_H_

#include <string>

namespace switchyard::client::cli {

struct Terminal {
  bool is_terminal = false;
  int width = 0;        // columns; 0: unlimited, nothing is cut
  int height = 0;       // lines; 0: unlimited
  bool colour = false;  // a terminal, NO_COLOR unset or empty, TERM not "dumb"
};

// Looks at standard output now; a window that was resized is seen by looking again.
Terminal LookAtTerminal();

bool StderrIsTerminal();

// The screen of `top`: while it lives, the terminal shows its second page without a cursor; what was there before comes
// back.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  // Shows `frame`, at most `height` lines of it, in place of the last one, without flicker: lines are overwritten, not
  // cleared.
  void Draw(const std::string& frame, int height);
};

// Gives the terminal back from wherever the program must end at once. Async-signal-safe, harmless when no screen is
// shown.
void RestoreScreen();

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_TERMINAL_H_
