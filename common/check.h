// CHECK for our own bugs: it stays on in release builds, prints what was found, and ends the process. For what the
// world can do to us (input, network, disk) use absl::Status instead.
#ifndef SWITCHYARD_COMMON_CHECK_H_
#define SWITCHYARD_COMMON_CHECK_H_

#include <sstream>
#include <string>

namespace switchyard {

// Prints `file:line: check failed: expression (detail)` on standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression, const std::string& detail);

namespace check_internal {

// Collects the values streamed into a failed check; its destructor ends the process.
class Failure {
 public:
  Failure(const char* file, int line, const char* expression) : file_(file), line_(line), expression_(expression) {}
  [[noreturn]] ~Failure() { CheckFailed(file_, line_, expression_, detail_.str()); }
  template <typename T>
  Failure& operator<<(const T& value) {
    detail_ << value;
    return *this;
  }

 private:
  const char* file_;
  int line_;
  const char* expression_;
  std::ostringstream detail_;
};

}  // namespace check_internal
}  // namespace switchyard

#define SWITCHYARD_CHECK(condition) \
  if (condition) [[likely]] {       \
  } else                            \
    ::switchyard::check_internal::Failure(__FILE__, __LINE__, #condition)

#endif  // SWITCHYARD_COMMON_CHECK_H_
