# The fault variant: the libraries once more, with the hooks of common/faults alive, for the programs that prove that what is
# broken is seen. Shipped targets never link it (tests/common/faults/shipped_programs.py reads their bytes).
#
# <room>_faults exists for every room that holds hooks (switchyard_library(... HOOKS)) or that depends on one that does. Only the
# former are compiled a second time; of the others the same archive is linked with the variants of its dependencies.

# The links of `target`, each room replaced by its variant where it has one.
function(switchyard_fault_links target property out)
  get_target_property(links ${target} ${property})
  set(mapped)
  foreach(link IN LISTS links)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" plain "${link}")
    if(TARGET "${plain}_faults" AND NOT plain STREQUAL "common")
      string(REPLACE "${plain}" "${plain}_faults" link "${link}")
    endif()
    list(APPEND mapped "${link}")
  endforeach()
  set(${out} "${mapped}" PARENT_SCOPE)
endfunction()

# The sources of `target` by absolute path.
function(switchyard_fault_sources target out)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  set(absolute)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder} NORMALIZE)
    list(APPEND absolute ${source})
  endforeach()
  set(${out} "${absolute}" PARENT_SCOPE)
endfunction()

function(switchyard_fault_library room)
  switchyard_fault_links(${room} INTERFACE_LINK_LIBRARIES links)
  get_target_property(own_links ${room} INTERFACE_LINK_LIBRARIES)
  get_target_property(hooks ${room} SWITCHYARD_HOOKS)
  if(NOT hooks AND links STREQUAL own_links)
    return()
  endif()
  set(variant ${room}_faults)
  if(hooks)
    switchyard_fault_sources(${room} sources)
    add_library(${variant} STATIC ${sources})
    target_include_directories(${variant} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${variant} PUBLIC common_faults ${links})
    get_target_property(definitions ${room} COMPILE_DEFINITIONS)
    if(definitions)
      target_compile_definitions(${variant} PRIVATE ${definitions})
    endif()
    get_target_property(grpc_pch ${room} SWITCHYARD_GRPC_PCH)
    if(grpc_pch)
      target_precompile_headers(${variant} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/grpc_pch.h)
    endif()
  else()
    # The same archive under another name, so that the linker sees it before the variants on which it now rests.
    get_target_property(folder ${room} BINARY_DIR)
    add_library(${variant} STATIC IMPORTED GLOBAL)
    add_dependencies(${variant} ${room})
    set_target_properties(${variant} PROPERTIES
      IMPORTED_LOCATION ${folder}/${CMAKE_STATIC_LIBRARY_PREFIX}${room}${CMAKE_STATIC_LIBRARY_SUFFIX}
      INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}
      INTERFACE_LINK_LIBRARIES "${links}")
  endif()
endfunction()

function(switchyard_fault_program name)
  switchyard_fault_sources(${name} sources)
  switchyard_fault_links(${name} LINK_LIBRARIES links)
  get_target_property(definitions ${name} COMPILE_DEFINITIONS)
  add_executable(${name}-faults ${sources})
  target_include_directories(${name}-faults PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name}-faults PRIVATE ${links} common_faults)
  target_compile_definitions(${name}-faults PRIVATE ${definitions})
endfunction()

# Makes every variant. REQUIRES: all rooms and programs are declared, in the order in which they depend on each other.
function(switchyard_fault_variants)
  if(NOT SWITCHYARD_FAULTS)
    return()
  endif()
  get_property(rooms GLOBAL PROPERTY SWITCHYARD_ROOMS)
  foreach(room IN LISTS rooms)
    # `common` holds no hooks: its variant would take the name of the room common/faults.
    if(NOT room STREQUAL "common" AND NOT room STREQUAL "common_faults")
      switchyard_fault_library(${room})
    endif()
  endforeach()
  get_property(programs GLOBAL PROPERTY SWITCHYARD_FAULT_PROGRAMS)
  foreach(program IN LISTS programs)
    switchyard_fault_program(${program})
  endforeach()
endfunction()
