# darn_module(<name> [DEPENDS <modules>…] [LIBS <dep_ targets>…] [TEST_LIBS <targets>…]
#             [ALONE <files>…])
#
# ALONE: files whose private names would clash with others' in a unity build (all presets but dev).
#
# A module is one folder under src/. Its *.cpp become the static library darn_<name> (alias
# darn::<name>; an interface library while there are only headers), its *_test.cpp the program
# <name>_test, registered with CTest under that name. main.cpp is left to darn_executable().
# Includes read `#include "plan/csv_reader.hpp"` and `#include "darn/retry.hpp"`; tests also see
# `#include "support/…"` from tests/.
function(darn_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;LIBS;TEST_LIBS;ALONE")
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
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(darn::${name} ALIAS ${target})
  target_include_directories(${target} ${scope} "${PROJECT_SOURCE_DIR}/src"
                                                "${PROJECT_SOURCE_DIR}/include")
  target_link_libraries(${target} ${scope} ${depends} ${arg_LIBS})
  set_property(GLOBAL APPEND PROPERTY DARN_MODULES darn::${name})

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
    darn_quick_to_build(${name}_test)
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

# darn_quick_to_build(<test program>): with sanitizers, g++ takes longer to optimise what tests say
# than they take to run, and a third of what is left for UBSan's looks at each pointer, which ASan
# has, too. What they test is built as always.
function(darn_quick_to_build program)
  if(DARN_SANITIZE)
    target_compile_options(${program} PRIVATE -O0)
  endif()
  if(DARN_SANITIZE MATCHES undefined)
    target_compile_options(${program} PRIVATE -fno-sanitize=null,alignment)
  endif()
endfunction()
