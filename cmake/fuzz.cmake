# Every fuzz/<what>_fuzz.cpp (a LLVMFuzzerTestOneInput) is built twice over its life: with libFuzzer
# in the fuzz preset, as fuzz/<what>_fuzz, and in the test presets with a small driver that replays
# the kept corpus fuzz/corpus/<what>/, registered with CTest as fuzz_<what>.
file(GLOB fuzzers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/fuzz/*_fuzz.cpp")
get_property(modules GLOBAL PROPERTY DARN_MODULES)
foreach(source IN LISTS fuzzers)
  cmake_path(GET source STEM target)
  string(REGEX REPLACE "_fuzz$" "" what "${target}")
  add_executable(${target} ${source})
  # What reads input from outside. A target for something else names it here.
  target_link_libraries(${target} PRIVATE darn::plan darn_warnings)
  list(APPEND targets ${target})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz")
  if(DARN_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay_main.cpp")
    add_test(NAME fuzz_${what} COMMAND ${target} "${PROJECT_SOURCE_DIR}/fuzz/corpus/${what}")
    set_tests_properties(fuzz_${what} PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
endforeach()
add_custom_target(fuzzers DEPENDS ${targets})  # all that the fuzz preset builds
if(DARN_FUZZ)
  # Coverage feedback is needed in the code under test too, not only in the target.
  foreach(module IN LISTS modules)
    get_target_property(real ${module} ALIASED_TARGET)
    get_target_property(type ${real} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      target_compile_options(${real} PRIVATE -fsanitize=fuzzer-no-link)
    endif()
  endforeach()
endif()
