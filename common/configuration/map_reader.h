// Internal to this room: reads a YAML map into plain fields, as strictly as Binder reads it into messages. Every key asked for is
// a known key; Finish reports the others.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_MAP_READER_H_
#define SWITCHYARD_COMMON_CONFIGURATION_MAP_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/configuration/binder.h"
#include "common/units.h"

namespace switchyard::configuration {

class MapReader {
 public:
  MapReader(Binder* binder, const YamlValue& map, const char* noun);

  // Each leaves `into` as it is where the key is missing or wrong; wrong ones are reported.
  void Text(const char* key, std::string* into);
  void Texts(const char* key, std::vector<std::string>* into);
  void Bool(const char* key, bool* into);
  void Integer(const char* key, int64_t least, int64_t most, int64_t* into);
  void Quantity(const char* key, Unit unit, int64_t* into);
  void Read(const char* key, Duration* into) { ReadCount(key, Unit::kDuration, into); }
  void Read(const char* key, Power* into) { ReadCount(key, Unit::kPower, into); }
  void Read(const char* key, PartsPerMillion* into) { ReadCount(key, Unit::kFactor, into); }

  // The value of a key that needs more than the above; null where it is missing or empty.
  const YamlValue* Child(const char* key);
  // The same, and it must be a list.
  const std::vector<YamlValue>& Items(const char* key);

  void Finish();
  const YamlValue& map() const { return map_; }

 private:
  template <typename Q>
  void ReadCount(const char* key, Unit unit, Q* into) {
    int64_t count = into->count();
    Quantity(key, unit, &count);
    *into = Q(count);
  }

  Binder* binder_;
  const YamlValue& map_;
  const char* noun_;
  std::vector<std::string> known_;
};

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_MAP_READER_H_
