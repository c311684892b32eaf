// Internal to this room: the documents of a file.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_DOCUMENTS_H_
#define SWITCHYARD_COMMON_CONFIGURATION_DOCUMENTS_H_

#include <optional>
#include <string>

#include "common/configuration/binder.h"

namespace switchyard::configuration {

// The one document of a file; nothing after reporting that it is not one.
std::optional<YamlValue> SingleDocument(const std::string& text, const std::string& file, Binder* binder);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_DOCUMENTS_H_
