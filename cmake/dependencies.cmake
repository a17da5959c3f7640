# One dep_* interface target per outside library, so that a module's CMakeLists.txt names what it
# uses and nothing else knows how that is found. All of them are packages of Debian 12 (see
# scripts/install-deps); their headers are SYSTEM, so their warnings are not ours.
find_package(Threads REQUIRED)

function(darn_dependency name)
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE ${ARGN})
endfunction()

# A library that ships no CMake package: header and library file, looked up in the usual places.
function(darn_plain_dependency name header library)
  find_path(DARN_${name}_INCLUDE ${header} REQUIRED)
  find_library(DARN_${name}_LIBRARY ${library} REQUIRED)
  mark_as_advanced(DARN_${name}_INCLUDE DARN_${name}_LIBRARY)
  add_library(dep_${name} INTERFACE)
  target_include_directories(dep_${name} SYSTEM INTERFACE "${DARN_${name}_INCLUDE}")
  target_link_libraries(dep_${name} INTERFACE "${DARN_${name}_LIBRARY}" ${ARGN})
endfunction()

find_package(fmt 9 REQUIRED)
darn_dependency(fmt fmt::fmt)

find_package(CLI11 REQUIRED)
darn_dependency(cli11 CLI11::CLI11)

find_package(tomlplusplus REQUIRED)
darn_dependency(tomlplusplus tomlplusplus::tomlplusplus)

find_package(nlohmann_json 3.11 REQUIRED)
darn_dependency(json nlohmann_json::nlohmann_json)

find_package(tl-expected REQUIRED)
darn_dependency(expected tl::expected)

find_package(SQLite3 REQUIRED)
darn_dependency(sqlite SQLite::SQLite3)

darn_plain_dependency(yaml yaml-cpp/yaml.h yaml-cpp)
darn_plain_dependency(re2 re2/re2.h re2 Threads::Threads)
darn_plain_dependency(xxhash xxhash.h xxhash)
darn_dependency(threads Threads::Threads)

if(DARN_BUILD_TESTS)
  find_package(doctest REQUIRED)
  darn_dependency(doctest doctest::doctest)
  find_package(rapidcheck REQUIRED)
  darn_dependency(rapidcheck rapidcheck)
endif()
