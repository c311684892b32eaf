// The true draw of simulated nodes, for a referee that believes nobody. Two text files, one value a line:
//
//   group file:   <t> <node> <group> <milliwatts>     e.g.  1795406400100 moses-lake/rack-007 asic 812345678
//   device file:  <t> <node> <device> <milliwatts>
//
// <t> is UTC in milliseconds. In the group file a value holds until the next line of the same node and group; values
// are sampled ten times a second and written where they changed, and once a second all of them are written, so that a
// reader may begin anywhere. <group> is a device group's name or "platform". In the device file a line is written when
// a device begins and when it ends a change of its draw. Every file begins with a comment line ("# ..."); a program
// that starts again appends. Readers skip comments, empty lines, and a line without four fields: a killed program may
// leave half of one.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_DRAW_FILE_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_DRAW_FILE_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/units.h"

namespace switchyard::agent::simulated {

// Lines are collected and written by a thread of its own: a slow disk never holds up a simulated node. What is handed
// over before the end of the object is written. Thread rule: one thread appends.
class DrawFile {
 public:
  // Appends to `path`. The error names the path.
  static absl::StatusOr<std::unique_ptr<DrawFile>> Open(const std::string& path, const std::string& subject);
  ~DrawFile();
  DrawFile(const DrawFile&) = delete;
  DrawFile& operator=(const DrawFile&) = delete;

  void Append(UtcTime time, const std::string& node, const std::string& what, Power draw);
  // Hands the lines so far to the writing thread.
  void Flush();

 private:
  DrawFile(std::string path, int descriptor);
  void Write();

  std::string path_;
  int descriptor_;
  std::string lines_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::string handed_;  // guarded by mutex_
  bool ended_ = false;  // guarded by mutex_
  std::thread writer_;
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_DRAW_FILE_H_
