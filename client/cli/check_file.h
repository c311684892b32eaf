// What `check` does with one file: finds out by its content what it is, and asks the code that would load it.
#ifndef SWITCHYARD_CLIENT_CLI_CHECK_FILE_H_
#define SWITCHYARD_CLIENT_CLI_CHECK_FILE_H_

#include <string>
#include <vector>

namespace switchyard::client::cli {

struct CheckedFile {
  std::string file;
  std::string kind;                   // "job", "cluster", "agent", "client", "catalogue"; empty: cannot be told
  std::vector<std::string> errors;    // one a line, `file:line:column: ...`
  std::vector<std::string> warnings;  // of a file that is valid all the same
  std::string summary;                // of a valid file: what is in it
};

CheckedFile CheckFile(const std::string& file, const std::vector<std::string>& overrides);

// {"files": [{"file", "kind", "valid", "errors", "warnings", "summary"}]}
std::string CheckedFilesJson(const std::vector<CheckedFile>& files);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_CHECK_FILE_H_
