# cmake --install: the library with its public headers, the command, the default model with its
# labels, a pkg-config file and a CMake package.
include(CMakePackageConfigHelpers)

install(TARGETS biovl EXPORT biovl-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS biovl_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/biovl DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY assets/models assets/labels assets/sample
  DESTINATION ${CMAKE_INSTALL_DATADIR}/biovl)
install(EXPORT biovl-targets NAMESPACE biovl:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/biovl)

configure_package_config_file(cmake/biovl-config.cmake.in biovl-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/biovl)
write_basic_package_version_file(biovl-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/biovl-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/biovl-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/biovl)
file(RELATIVE_PATH BIOVL_PREFIX_FROM_PC /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(cmake/biovl.pc.in biovl.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/biovl.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
