# darn_library(): the public library, target darn_resilience, alias darn::resilience, and what
# `cmake --install` makes of it: headers, archive, license, and a package that find_package(darn)
# finds wherever it has been moved to.
#
# It needs threads and, below C++23, tl-expected, whose only part is a header. No compiled function
# takes or returns an outcome<T> from where a consumer calls it, so one archive serves consumers
# with std::expected and with tl::expected: the package looks for tl-expected, but does not insist.

# A parent that only builds it keeps its cache free of installation directories.
if(DARN_INSTALL)
  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
endif()

# DARN_EXPECTED_TARGET or DARN_TL_EXPECTED_INCLUDE_DIR, or neither when the standard library does.
function(darn_find_expected)
  if(NOT TARGET tl::expected)
    find_package(tl-expected CONFIG QUIET)
  endif()
  if(TARGET tl::expected)
    set(DARN_EXPECTED_TARGET tl::expected PARENT_SCOPE)
    return()
  endif()
  find_path(DARN_TL_EXPECTED_INCLUDE_DIR tl/expected.hpp)
  mark_as_advanced(DARN_TL_EXPECTED_INCLUDE_DIR)
  if(DARN_TL_EXPECTED_INCLUDE_DIR)
    return()
  endif()
  include(CheckCXXSourceCompiles)
  check_cxx_source_compiles("#include <version>
#if !defined(__cpp_lib_expected) || __cpp_lib_expected < 202202L
#error no
#endif
int main() {}" DARN_HAS_STD_EXPECTED)
  if(NOT DARN_HAS_STD_EXPECTED)
    message(FATAL_ERROR "darn needs tl-expected (Debian's libexpected-dev, vcpkg's and Conan's "
                        "tl-expected), or a compiler with std::expected and CMAKE_CXX_STANDARD=23")
  endif()
endfunction()

function(darn_library)
  find_package(Threads REQUIRED)
  darn_find_expected()

  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/resilience/*.cpp")
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  if(DARN_LIBRARY_ONLY)
    add_library(darn_resilience ${sources})  # static, or as BUILD_SHARED_LIBS says
    target_include_directories(darn_resilience PRIVATE "${PROJECT_SOURCE_DIR}/src")
  else()
    add_library(darn_resilience STATIC ${sources})
    # Other modules read its tables.
    target_include_directories(darn_resilience PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>")
  endif()
  add_library(darn::resilience ALIAS darn_resilience)
  set_target_properties(darn_resilience PROPERTIES
    EXPORT_NAME resilience VERSION "${PROJECT_VERSION}" SOVERSION "${PROJECT_VERSION_MAJOR}")
  if(NOT DEFINED CMAKE_POSITION_INDEPENDENT_CODE)  # an archive may end up in somebody's plugin
    set_target_properties(darn_resilience PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  target_compile_features(darn_resilience PUBLIC cxx_std_20)
  target_include_directories(
    darn_resilience PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>")
  target_link_libraries(darn_resilience PUBLIC Threads::Threads)
  if(DARN_EXPECTED_TARGET)
    target_link_libraries(darn_resilience PUBLIC "$<BUILD_INTERFACE:${DARN_EXPECTED_TARGET}>")
  elseif(DARN_TL_EXPECTED_INCLUDE_DIR)
    target_include_directories(darn_resilience SYSTEM PUBLIC
                               "$<BUILD_INTERFACE:${DARN_TL_EXPECTED_INCLUDE_DIR}>")
  endif()
  if(TARGET darn_warnings)
    target_link_libraries(darn_resilience PRIVATE "$<BUILD_INTERFACE:darn_warnings>")
  endif()

  if(DARN_INSTALL)
    darn_install_library()
  endif()
endfunction()

function(darn_install_library)
  set(package "${CMAKE_INSTALL_LIBDIR}/cmake/darn")
  install(TARGETS darn_resilience EXPORT darnTargets INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/darn" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
          FILES_MATCHING PATTERN "*.hpp")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/darn")
  install(EXPORT darnTargets NAMESPACE darn:: DESTINATION "${package}")
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/darnConfig.cmake.in"
                                "${PROJECT_BINARY_DIR}/darnConfig.cmake"
                                INSTALL_DESTINATION "${package}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/darnConfigVersion.cmake"
                                   COMPATIBILITY SameMajorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/darnConfig.cmake" "${PROJECT_BINARY_DIR}/darnConfigVersion.cmake"
          DESTINATION "${package}")
endfunction()
