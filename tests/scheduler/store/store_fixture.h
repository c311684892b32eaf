// A store in a directory of its own that goes when the test ends, and rows to put into it.
#ifndef SWITCHYARD_TESTS_SCHEDULER_STORE_STORE_FIXTURE_H_
#define SWITCHYARD_TESTS_SCHEDULER_STORE_STORE_FIXTURE_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/store/rocks_store.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::store {

class StoreFixture : public testing::Test {
 protected:
  StoreFixture() {
    std::string pattern = testing::TempDir() + "switchyard-store-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~StoreFixture() override { std::filesystem::remove_all(root_); }

  std::string Directory() const { return root_ + "/store"; }

  static std::unique_ptr<RocksStore> OpenOrDie(const std::string& directory) {
    auto store = RocksStore::Open({.directory = directory, .ballast_bytes = 1 << 20});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static core::Row JobRow(uint64_t id, const std::string& name) {
    v1::JobRow row;
    row.mutable_job()->set_id(id);
    row.mutable_job()->mutable_spec()->set_name(name);
    return {core::RowKind::kJob, core::NumberKey(id), row.SerializeAsString()};
  }
  static core::Row Deleted(core::RowKind kind, const std::string& key) { return {kind, key, std::nullopt}; }

  // Everything but the meta row, which every term rewrites.
  static std::map<std::pair<int, std::string>, std::string> Contents(Store& store) {
    std::map<std::pair<int, std::string>, std::string> contents;
    const auto rows = store.LoadAll();
    EXPECT_TRUE(rows.ok()) << rows.status();
    for (const core::Row& row : *rows) {
      if (row.kind != core::RowKind::kMeta) contents[{static_cast<int>(row.kind), row.key}] = *row.value;
    }
    return contents;
  }
  static v1::MetaRow Meta(Store& store) {
    const auto rows = store.Scan(core::RowKind::kMeta, "", 10);
    v1::MetaRow meta;
    EXPECT_TRUE(rows.ok() && rows->size() == 1 && meta.ParseFromString(*rows->at(0).value));
    return meta;
  }

  std::string root_;
};

}  // namespace switchyard::store

#endif  // SWITCHYARD_TESTS_SCHEDULER_STORE_STORE_FIXTURE_H_
