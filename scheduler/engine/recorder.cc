#include "scheduler/engine/recorder.h"

#include <fcntl.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "fmt/format.h"

namespace switchyard::engine {
namespace {

using google::protobuf::io::FileInputStream;
using google::protobuf::io::FileOutputStream;
using google::protobuf::util::ParseDelimitedFromZeroCopyStream;
using google::protobuf::util::SerializeDelimitedToZeroCopyStream;

absl::Status FileError(const std::string& path, const std::string& what, int error) {
  return absl::UnavailableError(fmt::format("record \"{}\": {} failed ({})", path, what, std::strerror(error)));
}

}  // namespace

class Recorder::File {
 public:
  File(std::string path, int descriptor) : path_(std::move(path)), stream_(descriptor) { stream_.SetCloseOnDelete(true); }

  absl::Status Append(const google::protobuf::Message& message) {
    if (SerializeDelimitedToZeroCopyStream(message, &stream_) && stream_.Flush()) return absl::OkStatus();
    return FileError(path_, "writing", stream_.GetErrno());
  }

 private:
  const std::string path_;
  FileOutputStream stream_;
};

Recorder::Recorder(std::unique_ptr<File> file) : file_(std::move(file)) {}
Recorder::~Recorder() = default;

absl::StatusOr<std::unique_ptr<Recorder>> Recorder::Open(const std::string& path, const std::vector<core::Row>& rows) {
  store::v1::RecordHeader header;
  header.set_version(kRecordVersion);
  for (const core::Row& row : rows) {
    store::v1::RecordedRow* const recorded = header.add_rows();
    recorded->set_kind(static_cast<int>(row.kind));
    recorded->set_key(row.key);
    recorded->set_value(row.value.value_or(""));
  }
  if (header.ByteSizeLong() > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    return absl::ResourceExhaustedError(fmt::format("record \"{}\": the store has {} bytes of rows, a record begins with at most "
                                                    "2 GiB; shorten the history that is kept", path, header.ByteSizeLong()));
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError(path, "making it", errno);
  auto file = std::make_unique<File>(path, descriptor);
  if (absl::Status written = file->Append(header); !written.ok()) return written;
  return std::unique_ptr<Recorder>(new Recorder(std::move(file)));
}

void Recorder::Add(const core::Stamp& stamp, const std::vector<store::v1::Command>& commands, uint64_t digest) {
  if (!status_.ok()) return;
  store::v1::RecordedBatch batch;
  batch.set_mono_ms(stamp.mono.milliseconds());
  batch.set_utc_ms(stamp.utc.milliseconds());
  batch.set_sequence(stamp.sequence);
  batch.mutable_commands()->Assign(commands.begin(), commands.end());
  batch.set_digest(digest);
  status_ = file_->Append(batch);
}

absl::StatusOr<ReplayReport> Replay(const std::string& path, Machine* machine,
                                    const std::function<absl::Status(const core::Stamp&)>& each) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return absl::NotFoundError(fmt::format("record \"{}\": it cannot be opened ({})", path, std::strerror(errno)));
  FileInputStream stream(descriptor);
  stream.SetCloseOnDelete(true);

  store::v1::RecordHeader header;
  if (!ParseDelimitedFromZeroCopyStream(&header, &stream, nullptr) || header.version() == 0) {
    return absl::InvalidArgumentError(fmt::format("record \"{}\": it begins with no record header; give a file of --record", path));
  }
  if (header.version() != kRecordVersion) {
    return absl::FailedPreconditionError(fmt::format("record \"{}\": version {}, this program replays {}; use the version that "
                                                     "recorded it", path, header.version(), kRecordVersion));
  }
  std::vector<core::Row> rows;
  for (store::v1::RecordedRow& row : *header.mutable_rows()) {
    if (row.kind() < 0 || row.kind() >= core::kRowKinds) {
      return absl::InvalidArgumentError(fmt::format("record \"{}\": a row of kind {}, kinds are below {}", path, row.kind(),
                                                    core::kRowKinds));
    }
    rows.push_back({static_cast<core::RowKind>(row.kind()), std::move(*row.mutable_key()), std::move(*row.mutable_value())});
  }
  if (absl::Status restored = machine->Restore(rows); !restored.ok()) return restored;

  ReplayReport report;
  for (;;) {
    store::v1::RecordedBatch batch;
    bool clean_end = false;
    if (!ParseDelimitedFromZeroCopyStream(&batch, &stream, &clean_end)) {
      report.torn_tail = !clean_end;
      return report;
    }
    const core::Stamp stamp = {MonoTime(batch.mono_ms()), UtcTime(batch.utc_ms()), batch.sequence()};
    machine->Apply(stamp, {batch.commands().begin(), batch.commands().end()});
    ++report.batches;
    report.commands += static_cast<uint64_t>(batch.commands_size());
    report.last_sequence = batch.sequence();
    if (const uint64_t digest = machine->Digest(); digest != batch.digest()) {
      return absl::AbortedError(fmt::format("record \"{}\": batch {} (sequence {}, {} commands) gives digest {:016x}, recorded was "
                                            "{:016x}; the cores differ from here on",
                                            path, report.batches, batch.sequence(), batch.commands_size(), digest, batch.digest()));
    }
    if (each != nullptr) {
      if (absl::Status status = each(stamp); !status.ok()) return status;
    }
  }
}

}  // namespace switchyard::engine
