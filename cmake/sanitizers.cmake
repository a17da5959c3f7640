# DARN_SANITIZE applies to the whole build: a half-instrumented program reports nonsense.
if(DARN_SANITIZE)
  add_compile_options("-fsanitize=${DARN_SANITIZE}" -fno-sanitize-recover=all
                      -fno-omit-frame-pointer)
  add_link_options("-fsanitize=${DARN_SANITIZE}")
  if(DARN_SANITIZE MATCHES undefined)
    # A look at every pointer and virtual call is a fifth of the time of a build. AddressSanitizer
    # sees what is null or beyond its object.
    add_compile_options(-fno-sanitize=null,object-size,pointer-overflow,vptr,nonnull-attribute)
    add_compile_options(-fno-sanitize=returns-nonnull-attribute)
  endif()
  string(REPLACE "," ";" sanitizers "${DARN_SANITIZE}")
  foreach(sanitizer IN LISTS sanitizers)
    # DARN_SANITIZE_ADDRESS, DARN_SANITIZE_THREAD, … for the few places that must know.
    string(TOUPPER "DARN_SANITIZE_${sanitizer}" macro)
    add_compile_definitions("${macro}=1")
  endforeach()
endif()
