# How a room becomes a target. One folder, one library, named by its path with '_' for '/': scheduler/core -> scheduler_core.

option(SWITCHYARD_FAULTS "Build the fault variant of the libraries, and with it the tests that need things broken" ON)

# What a sanitizer or -O0 makes slower is no failure: the time limit of each test is multiplied by this. Limits are there to end what
# hangs, so that they are generous to begin with.
if(SWITCHYARD_SANITIZER)
  set(SWITCHYARD_TEST_PATIENCE 5)
elseif(CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(SWITCHYARD_TEST_PATIENCE 3)
else()
  set(SWITCHYARD_TEST_PATIENCE 1)
endif()

# Linked into every program: nothing, or the settings of a sanitizer and what it needs to see through libraries that it did not
# compile.
set(SWITCHYARD_RUNTIME)
if(SWITCHYARD_SANITIZER STREQUAL "thread")
  set(SWITCHYARD_RUNTIME thread_sanitizer)
elseif(SWITCHYARD_SANITIZER STREQUAL "address+undefined")
  set(SWITCHYARD_RUNTIME address_sanitizer)
endif()
if(SWITCHYARD_RUNTIME)
  add_library(${SWITCHYARD_RUNTIME} OBJECT ${CMAKE_SOURCE_DIR}/tests/support/${SWITCHYARD_RUNTIME}.cc)
  target_link_libraries(${SWITCHYARD_RUNTIME} PUBLIC absl::synchronization gRPC::grpc++)
  target_compile_definitions(${SWITCHYARD_RUNTIME} PRIVATE SWITCHYARD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endif()

# switchyard_library(SOURCES a.cc b.cc DEPS targets... [GRPC_PCH] [HOOKS])
# Declares the library of the calling folder. DEPS is all that it may include; it is linked alone by tests/link_alone.
# HOOKS: it uses common/faults/mutation.h or failpoint.h, so that its fault variant is other code (FaultVariant.cmake).
function(switchyard_library)
  cmake_parse_arguments(ARG "GRPC_PCH;HOOKS" "" "SOURCES;DEPS" ${ARGN})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "_" target ${folder})
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_DEPS})
  if(ARG_GRPC_PCH)
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/grpc_pch.h)
  endif()
  set_target_properties(${target} PROPERTIES SWITCHYARD_HOOKS "${ARG_HOOKS}" SWITCHYARD_GRPC_PCH "${ARG_GRPC_PCH}")
  set_property(GLOBAL APPEND PROPERTY SWITCHYARD_ROOMS ${target})
endfunction()

# switchyard_program(name SOURCES ... DEPS ... [FAULT_VARIANT]): an executable in build/<preset>/bin. FAULT_VARIANT: also
# <name>-faults, of the same sources and the fault variant of its libraries.
function(switchyard_program name)
  cmake_parse_arguments(ARG "FAULT_VARIANT" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${SWITCHYARD_RUNTIME})
  target_compile_definitions(${name} PRIVATE SWITCHYARD_VERSION="${PROJECT_VERSION}")
  set_property(GLOBAL APPEND PROPERTY SWITCHYARD_PROGRAMS ${name})
  if(ARG_FAULT_VARIANT)
    set_property(GLOBAL APPEND PROPERTY SWITCHYARD_FAULT_PROGRAMS ${name})
  endif()
endfunction()

# switchyard_test(name LABEL label SOURCES ... DEPS ... [TIMEOUT seconds] [ARGS ...]): one GoogleTest program, one ctest entry.
# The label's share of the test budget stands in tests/budget.txt.
function(switchyard_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS;ARGS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * ${SWITCHYARD_TEST_PATIENCE}")
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE SWITCHYARD_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             SWITCHYARD_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main ${SWITCHYARD_RUNTIME})
  add_test(NAME ${name} COMMAND ${name} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# add_proto_library(target DEPS ... PROTOS a.proto ... [GRPC]): generated code, with imports tracked. Paths are relative to
# the proto/ folder; with GRPC the service stubs are generated too.
function(add_proto_library target)
  cmake_parse_arguments(ARG "GRPC" "" "PROTOS;DEPS" ${ARGN})
  set(proto_root ${CMAKE_SOURCE_DIR}/proto)
  set(gen_root ${CMAKE_BINARY_DIR}/gen)
  file(MAKE_DIRECTORY ${gen_root})
  set(outputs)
  foreach(proto IN LISTS ARG_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" base ${proto})
    set(out ${gen_root}/${base})
    set(files ${out}.pb.cc ${out}.pb.h)
    set(grpc_options)
    if(ARG_GRPC)
      # Ninja wants the first output to be the one that protoc's dependency file names first: they are sorted there.
      list(PREPEND files ${out}.grpc.pb.cc ${out}.grpc.pb.h)
      set(grpc_options --grpc_out=${gen_root} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(
      OUTPUT ${files}
      COMMAND $<TARGET_FILE:protobuf::protoc> -I ${proto_root} --cpp_out=${gen_root} ${grpc_options}
              --dependency_out=${out}.d ${proto_root}/${proto}
      DEPENDS ${proto_root}/${proto} protobuf::protoc gRPC::grpc_cpp_plugin
      DEPFILE ${out}.d VERBATIM)
    list(APPEND outputs ${files})
  endforeach()
  add_library(${target} STATIC ${outputs})
  target_include_directories(${target} SYSTEM PUBLIC ${gen_root})
  target_compile_options(${target} PRIVATE -w)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${ARG_DEPS})
  if(ARG_GRPC)
    target_link_libraries(${target} PUBLIC gRPC::grpc++)
  endif()
endfunction()
