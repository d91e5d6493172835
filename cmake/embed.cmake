# biovl_embed(OUT ROOT FILES…): writes OUT, a C file that defines bv_assets[], the files' bytes by
# their path below ROOT. biovl_embed_as(NAME HEADER OUT ROOT FILES…): the same as bv_NAME[], which
# HEADER declares. Run as a script with -DNAME=… -DHEADER=… -DOUT=… -DROOT=… -DFILES=a;b;c.
if(CMAKE_SCRIPT_MODE_FILE)
  set(source "#include \"${HEADER}\"\n\n")
  set(table "")
  set(n 0)
  foreach(file ${FILES})
    file(READ ${ROOT}/${file} hex HEX)
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    string(APPEND source "static const unsigned char asset_${n}[] = {${bytes}0};\n")
    string(APPEND table "    {\"${file}\", asset_${n}, sizeof asset_${n} - 1},\n")
    math(EXPR n "${n} + 1")
  endforeach()
  string(APPEND source "\nconst struct bv_asset bv_${NAME}[] = {\n${table}};\n"
                       "const size_t bv_n_${NAME} = ${n};\n")
  file(WRITE ${OUT} "${source}")
else()
  function(biovl_embed_as name header out root)
    set(paths "")
    foreach(file ${ARGN})
      list(APPEND paths ${root}/${file})
    endforeach()
    add_custom_command(OUTPUT ${out}
      COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DHEADER=${header} -DOUT=${out} -DROOT=${root}
              "-DFILES=${ARGN}" -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
      DEPENDS ${paths} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  endfunction()

  function(biovl_embed out root)
    biovl_embed_as(assets model/card.h ${out} ${root} ${ARGN})
  endfunction()
endif()
