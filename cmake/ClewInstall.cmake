# SPDX-License-Identifier: Apache-2.0
# find_package(clew) and find_package(clew COMPONENTS maze) from an installed prefix.
include(CMakePackageConfigHelpers)

install(TARGETS clew_maze EXPORT clewMazeTargets FILE_SET HEADERS)
install(EXPORT clewMazeTargets NAMESPACE clew:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clew)
if(CLEW_TORCH)
  install(TARGETS clew_lib EXPORT clewTargets FILE_SET HEADERS)
  install(EXPORT clewTargets NAMESPACE clew:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clew)
  if(TARGET clew)
    install(TARGETS clew)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/recipes DESTINATION ${CMAKE_INSTALL_DATADIR}/clew)
  endif()
endif()
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/clewConfig.cmake.in
  ${PROJECT_BINARY_DIR}/clewConfig.cmake INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clew)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/clewConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/clewConfig.cmake ${PROJECT_BINARY_DIR}/clewConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/clew)
