# Use ccache when it is installed and the user has not chosen a launcher.
find_program(DARN_CCACHE ccache)
if(DARN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${DARN_CCACHE}")
endif()
