# darn_module(<name> [DEPENDS <modules>…] [LIBS <dep_ targets>…] [TEST_LIBS <targets>…]
#             [ALONE <files>…] [COLD])
#
# ALONE: files whose private names would clash with others' in a unity build (all presets but dev).
# COLD: a sanitizer's build does not optimise it, which would take longer than it ever saves there.
#
# A module is one folder under src/. Its *.cpp become the static library darn_<name> (alias
# darn::<name>; an interface library while there are only headers), its *_test.cpp the program
# <name>_test, registered with CTest under that name. main.cpp is left to darn_executable().
# Includes read `#include "plan/csv_reader.hpp"` and `#include "darn/retry.hpp"`; tests also see
# `#include "support/…"` from tests/.
function(darn_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "COLD" "" "DEPENDS;LIBS;TEST_LIBS;ALONE")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "darn_module(${name}): unknown argument ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target darn_${name})
  list(TRANSFORM arg_DEPENDS PREPEND "darn::" OUTPUT_VARIABLE depends)

  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")

  set_source_files_properties(${arg_ALONE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

  if(sources)
    add_library(${target} STATIC ${sources})
    target_link_libraries(${target} PRIVATE darn_warnings)
    if(arg_COLD)
      darn_cold(${target})
    endif()
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(darn::${name} ALIAS ${target})
  target_include_directories(${target} ${scope} "${PROJECT_SOURCE_DIR}/src"
                                                "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(${target} ${scope} ${depends} ${arg_LIBS})

  darn_module_tests(${name} ${arg_TEST_LIBS})
endfunction()

# darn_module_tests(<name> [libs…] [EXCEPT <files>…]): the program <name>_test of the folder's
# *_test.cpp.
function(darn_module_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "EXCEPT")
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp")
  foreach(file IN LISTS arg_EXCEPT)
    list(REMOVE_ITEM tests "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  endforeach()
  if(DARN_BUILD_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_include_directories(${name}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${name}_test PRIVATE darn::${name} darn_doctest_main dep_rapidcheck
                                               darn_warnings ${arg_UNPARSED_ARGUMENTS})
    darn_cold(${name}_test)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS unit)
  endif()
endfunction()

# darn_executable(<name>): the program, from src/main.cpp or src/cli/main.cpp. It lands at the top
# of the build directory (build/<preset>/darn).
function(darn_executable name)
  file(GLOB main CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/main.cpp"
       "${PROJECT_SOURCE_DIR}/src/cli/main.cpp")
  if(NOT main)
    message(STATUS "no src/main.cpp or src/cli/main.cpp yet: ${name} is not built")
    return()
  endif()
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE darn::cli darn_warnings)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
  install(TARGETS ${name})
endfunction()

# darn_cold(<target>): see COLD. Test programs are, too: what they test is not in them.
function(darn_cold target)
  if(DARN_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()
