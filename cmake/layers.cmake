# biovl_layer(NAME SOURCES … [LINK …]): one layer of the library, a static archive that libbiovl
# and the tests link. LINK names the layers under it and the outside libraries it wraps.
function(biovl_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(biovl_${name} STATIC ${ARG_SOURCES})
  target_include_directories(biovl_${name} PUBLIC
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
  target_link_libraries(biovl_${name} PRIVATE biovl_warnings PUBLIC ${ARG_LINK})
endfunction()

# biovl_test(NAME SOURCES … LINK … [LABELS …] [ARGS …] [TIMEOUT s]): one cmocka program. Exit code
# 77 means skipped.
function(biovl_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS;ARGS" ${ARGN})
  string(REPLACE "." "_" target test_${name})
  if(NOT TARGET ${target})
    add_executable(${target} ${ARG_SOURCES})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_link_libraries(${target} PRIVATE biovl_warnings ${ARG_LINK} PkgConfig::CMOCKA)
  endif()
  add_test(NAME ${name} COMMAND ${target} ${ARG_ARGS} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
  if(ARG_TIMEOUT)
    set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT})
  else()
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()
