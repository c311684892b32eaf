#include "tests/client/cli/process.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <pty.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"

extern char** environ;

namespace switchyard::client::cli {
namespace {

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment,
                 const std::string& input, int terminal_width) {
  std::string pattern = (std::filesystem::temp_directory_path() / "switchyard-process-XXXXXX").string();
  SWITCHYARD_CHECK(mkdtemp(pattern.data()) != nullptr) << pattern;
  folder_ = pattern;
  std::ofstream(folder_ + "/in") << input;

  // Everything that allocates happens before the fork: this process has threads.
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (environment.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  int controller = -1, terminal = -1;
  if (terminal_width > 0) {
    winsize size{};
    size.ws_row = 40;
    size.ws_col = static_cast<unsigned short>(terminal_width);
    SWITCHYARD_CHECK(openpty(&controller, &terminal, nullptr, nullptr, &size) == 0);
    fcntl(controller, F_SETFD, FD_CLOEXEC);
    fcntl(terminal, F_SETFD, FD_CLOEXEC);
  }
  const int files[3] = {
      open((folder_ + "/in").c_str(), O_RDONLY | O_CLOEXEC),
      terminal >= 0 ? terminal : open((folder_ + "/out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
      open((folder_ + "/err").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
  pid_ = fork();
  SWITCHYARD_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    for (int i = 0; i < 3; ++i) dup2(files[i], i);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  for (const int file : files) close(file);
  if (controller < 0) return;
  terminal_reader_ = std::thread([this, controller] {
    char buffer[4096];
    for (ssize_t n = 0; (n = read(controller, buffer, sizeof(buffer))) > 0;)
      terminal_out_.append(buffer, static_cast<size_t>(n));
    close(controller);  // EIO: the process has closed its side
  });
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    Wait();
  }
  std::filesystem::remove_all(folder_);
}

void Process::Signal(int number) { kill(pid_, number); }

ProcessResult Process::Wait() {
  int status = 0;
  SWITCHYARD_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  ProcessResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  const bool on_terminal = terminal_reader_.joinable();
  if (on_terminal) terminal_reader_.join();
  result.out = on_terminal ? terminal_out_ : ReadAll(folder_ + "/out");
  result.err = ReadAll(folder_ + "/err");
  return result;
}

}  // namespace switchyard::client::cli
