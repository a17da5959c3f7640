# DARN_SANITIZE applies to the whole build: a half-instrumented program reports nonsense.
if(DARN_SANITIZE)
  add_compile_options("-fsanitize=${DARN_SANITIZE}" -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${DARN_SANITIZE}")
  string(REPLACE "," ";" sanitizers "${DARN_SANITIZE}")
  foreach(sanitizer IN LISTS sanitizers)
    # DARN_SANITIZE_ADDRESS, DARN_SANITIZE_THREAD, … for the few places that must know.
    string(TOUPPER "DARN_SANITIZE_${sanitizer}" macro)
    add_compile_definitions("${macro}=1")
  endforeach()
endif()
