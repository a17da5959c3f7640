# darn_warnings: the warnings that all of darn's own code is compiled with.
add_library(darn_warnings INTERFACE)
target_compile_options(
  darn_warnings
  INTERFACE -Wall
            -Wextra
            -Wpedantic
            -Wshadow
            -Wconversion
            -Wsign-conversion
            -Wcast-align
            -Wcast-qual
            -Wformat-security
            -Wimplicit-fallthrough
            -Wnon-virtual-dtor
            -Woverloaded-virtual
            -Wundef
            # Settings are structs with defaults, set by designated initialisers: leaving fields out
            # is the point of them.
            -Wno-missing-field-initializers
            $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond;-Wlogical-op>
            $<$<CXX_COMPILER_ID:Clang>:-Wextra-semi>
            $<$<BOOL:${DARN_WERROR}>:-Werror>)
