# biovl_warnings: our own code builds without a warning on gcc and clang.
add_library(biovl_warnings INTERFACE)
set(_common -Wall -Wextra -Wpedantic -Wshadow)
target_compile_options(biovl_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C>:${_common};-Wconversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla>
  $<$<COMPILE_LANGUAGE:CXX>:${_common};-Wconversion>)
if(BIOVL_WERROR)
  target_compile_options(biovl_warnings INTERFACE -Werror)
endif()
# Floating-point contraction would make results depend on the compiler.
target_compile_options(biovl_warnings INTERFACE -ffp-contract=off)

if(BIOVL_SANITIZE)
  target_compile_options(biovl_warnings INTERFACE
    -fsanitize=${BIOVL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(biovl_warnings INTERFACE -fsanitize=${BIOVL_SANITIZE})
endif()
if(BIOVL_FUZZ)
  target_compile_options(biovl_warnings INTERFACE -fsanitize=fuzzer-no-link)
endif()
# POSIX.1-2008 beside ISO C, everywhere alike.
target_compile_definitions(biovl_warnings INTERFACE _POSIX_C_SOURCE=200809L)
