# Language level, warnings and the tools that make a build fast. Nothing here knows a room.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Precompiled headers need this sloppiness, else every lookup misses; hash_dir off lets two checkouts share objects.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Werror -fno-omit-frame-pointer)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")  # our own CHECK stays on: it does not look at NDEBUG
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")

set(SWITCHYARD_SANITIZER "" CACHE STRING "address+undefined, thread or fuzzer; empty for none")
if(SWITCHYARD_SANITIZER)
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")  # sanitizers at -O0 take the property tests beyond their time
endif()
if(SWITCHYARD_SANITIZER STREQUAL "address+undefined")
  # Without -fno-var-tracking gcc 12 needs minutes for a file that includes gRPC.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fno-var-tracking)
  endif()
elseif(SWITCHYARD_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
elseif(SWITCHYARD_SANITIZER STREQUAL "fuzzer")
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
