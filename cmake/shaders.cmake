# Finds a GLSL compiler, says what it accepts, and compiles shaders/*.comp into C arrays.
#
#   BIOVL_GLSLANG    the compiler to use instead of the one on the PATH (glslang or
#                    glslangValidator); a newer one than the distribution's adds matrix extensions
#   BIOVL_VULKAN     ON (default) or OFF: no backend, no compiler needed
#
# Sets BIOVL_GLSLANG_FOUND and BIOVL_GLSLANG_<feature> for each file of shaders/probe.
option(BIOVL_VULKAN "Build the Vulkan backend" ON)
set(BIOVL_GLSLANG "" CACHE FILEPATH "GLSL compiler (glslang or glslangValidator)")

set(BIOVL_GLSLANG_FOUND FALSE)
if(BIOVL_VULKAN)
  if(BIOVL_GLSLANG)
    set(_glslang ${BIOVL_GLSLANG})
  else()
    find_program(_glslang NAMES glslang glslangValidator)
  endif()
  if(_glslang)
    set(BIOVL_GLSLANG_FOUND TRUE)
  else()
    message(STATUS "Vulkan: no glslang found, building without the backend (set BIOVL_GLSLANG)")
  endif()
else()
  message(STATUS "Vulkan: switched off")
endif()

set(_shader_dir ${PROJECT_SOURCE_DIR}/shaders)
set(_glslang_flags -V --target-env vulkan1.2)

# One small shader per extension: what the compiler takes.
function(biovl_probe_glslang)
  execute_process(COMMAND ${_glslang} --version OUTPUT_VARIABLE version ERROR_QUIET)
  string(REGEX MATCH "Glslang Version: [0-9]*:?([0-9.]+)" _ "${version}")
  set(report "")
  foreach(feature ${ARGN})
    execute_process(
      COMMAND ${_glslang} ${_glslang_flags} -o ${CMAKE_BINARY_DIR}/probe.spv
        ${_shader_dir}/probe/${feature}.comp
      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed)
      set(BIOVL_GLSLANG_${feature} FALSE PARENT_SCOPE)
      string(APPEND report " ${feature}: no;")
    else()
      set(BIOVL_GLSLANG_${feature} TRUE PARENT_SCOPE)
      string(APPEND report " ${feature}: yes;")
    endif()
  endforeach()
  message(STATUS "Vulkan: ${_glslang} ${CMAKE_MATCH_1};${report}")
endfunction()

# biovl_shaders(TARGET SHADER…): each SHADER is "source:module:definitions", definitions separated
# by commas. Adds the compiled modules and a table of them by name (src/vulkan/pipeline.h) to TARGET.
function(biovl_shaders target)
  set(dir ${CMAKE_CURRENT_BINARY_DIR}/spirv)
  file(MAKE_DIRECTORY ${dir})
  set(includes "")
  set(rows "")
  set(headers "")
  file(GLOB libraries CONFIGURE_DEPENDS ${_shader_dir}/lib/*.glsl ${_shader_dir}/lib/*.h)
  foreach(shader ${ARGN})
    string(REPLACE ":" ";" parts ${shader})
    list(GET parts 0 source)
    list(GET parts 1 module)
    list(GET parts 2 definitions)
    string(REPLACE "," ";-D" definitions "-D${definitions}")
    set(header ${dir}/${module}.h)
    add_custom_command(OUTPUT ${header}
      COMMAND ${_glslang} ${_glslang_flags} --quiet ${definitions} --vn spirv_${module}
        -o ${header} ${_shader_dir}/${source}.comp
      DEPENDS ${_shader_dir}/${source}.comp ${libraries}
      COMMENT "Compiling shader ${module}" VERBATIM)
    list(APPEND headers ${header})
    string(APPEND includes "#include \"${module}.h\"\n")
    string(APPEND rows "    {\"${module}\", spirv_${module}, sizeof spirv_${module}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${dir}/spirv.c CONTENT
"#include \"vulkan/pipeline.h\"

${includes}
const struct bv_vk_spirv bv_vk_spirv[] = {
${rows}    {0},
};
")
  target_sources(${target} PRIVATE ${dir}/spirv.c ${headers})
  target_include_directories(${target} PRIVATE ${dir})
endfunction()
