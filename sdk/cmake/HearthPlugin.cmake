# hearth_add_plugin(): how a plugin is built, inside Hearth's tree and outside of it (find_package(Hearth)).
#
#   hearth_add_plugin(media
#     SOURCES   plugin.c upload.c ...
#     SCHEMA    schema/0001_media.sql ...   # optional: becomes const struct hearth_migration media_migrations[]
#     LIBRARIES PkgConfig::VIPS ...         # optional
#     TESTS     upload_test.c ...)          # optional: cmocka programs that are linked with the plugin's code
#
# The result is media.so with the one symbol hearth_plugin_media, which HEARTH_PLUGIN(media, ...) defines. Targets: media
# (the module), media-objects (its code), media-archive (the same, for tests and static hosts).
set(HEARTH_PLUGIN_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(hearth_plugin_schema_ name files ret_source)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}_schema.c)
  set(paths)
  foreach(file ${files})
    get_filename_component(path ${file} ABSOLUTE)
    list(APPEND paths ${path})
  endforeach()
  string(REPLACE ";" "\\;" escaped "${paths}")
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${source} "-DFILES=${escaped}"
            -P ${HEARTH_PLUGIN_CMAKE_DIR}/HearthSchema.cmake
    DEPENDS ${paths} ${HEARTH_PLUGIN_CMAKE_DIR}/HearthSchema.cmake
    COMMENT "Migrations of plugin ${name}" VERBATIM)
  set(${ret_source} ${source} PARENT_SCOPE)
endfunction()

function(hearth_plugin_test_ name source libraries)
  get_filename_component(base ${source} NAME_WE)
  if(COMMAND hearth_add_test)
    hearth_add_test(plugin_${name}_${base} SOURCES ${source} LIBRARIES ${name}-archive ${libraries})
  elseif(BUILD_TESTING)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(HEARTH_CMOCKA REQUIRED IMPORTED_TARGET cmocka)
    add_executable(plugin_${name}_${base} ${source})
    target_link_libraries(plugin_${name}_${base} PRIVATE ${name}-archive ${libraries} PkgConfig::HEARTH_CMOCKA)
    add_test(NAME plugin_${name}_${base} COMMAND plugin_${name}_${base})
  endif()
endfunction()

function(hearth_plugin_module_ name libraries)
  set(map ${HEARTH_PLUGIN_CMAKE_DIR}/plugin.map)
  add_library(${name} MODULE $<TARGET_OBJECTS:${name}-objects>)
  target_link_libraries(${name} PRIVATE Hearth::matrix ${libraries})
  target_link_options(${name} PRIVATE LINKER:-z,now LINKER:--version-script=${map})
  # clang's sanitizers leave their symbols to the program that loads the module.
  if(NOT (CMAKE_C_COMPILER_ID MATCHES "Clang" AND (HEARTH_SANITIZE OR CMAKE_C_FLAGS MATCHES "-fsanitize")))
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" LINK_DEPENDS ${map} LINKER_LANGUAGE C
                        INSTALL_RPATH "$ORIGIN/../..")
  if(HEARTH_BUILD_PLUGIN_DIR)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${HEARTH_BUILD_PLUGIN_DIR})
  endif()
  install(TARGETS ${name} LIBRARY DESTINATION ${HEARTH_PLUGIN_DIR} COMPONENT ${name})
endfunction()

function(hearth_add_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;SCHEMA;LIBRARIES;TESTS" ${ARGN})
  if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
    message(FATAL_ERROR "plugin '${name}': a name is made of a-z, 0-9 and _, and starts with a letter")
  endif()
  if(arg_SCHEMA)
    hearth_plugin_schema_(${name} "${arg_SCHEMA}" schema_source)
  endif()
  add_library(${name}-objects OBJECT ${arg_SOURCES} ${schema_source})
  target_link_libraries(${name}-objects PUBLIC Hearth::matrix ${arg_LIBRARIES})
  target_include_directories(${name}-objects PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  set_target_properties(${name}-objects PROPERTIES C_STANDARD 11 C_VISIBILITY_PRESET hidden
                        POSITION_INDEPENDENT_CODE ON)
  add_library(${name}-archive STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${name}-objects>)
  set_target_properties(${name}-archive PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(${name}-archive PUBLIC Hearth::matrix ${arg_LIBRARIES})
  target_include_directories(${name}-archive PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})

  if(HEARTH_STATIC)
    set_property(GLOBAL APPEND PROPERTY HEARTH_PRELOADED ${name})
  else()
    hearth_plugin_module_(${name} "${arg_LIBRARIES}")
  endif()
  foreach(test ${arg_TESTS})
    hearth_plugin_test_(${name} ${test} "${arg_LIBRARIES}")
  endforeach()
endfunction()

# Writes the table of plugins that are linked into the host (host/plugin/preload.h); called once, at the end.
function(hearth_write_preloaded source)
  get_property(names GLOBAL PROPERTY HEARTH_PRELOADED)
  set(HEARTH_PRELOADED_DECLARATIONS "")
  set(HEARTH_PRELOADED_ROWS "")
  list(SORT names)
  foreach(name ${names})
    string(APPEND HEARTH_PRELOADED_DECLARATIONS "extern const struct hearth_plugin hearth_plugin_${name};\n")
    string(APPEND HEARTH_PRELOADED_ROWS "\t&hearth_plugin_${name},\n")
    target_link_libraries(hearth-preloaded PUBLIC ${name}-archive)
  endforeach()
  configure_file(${HEARTH_PLUGIN_CMAKE_DIR}/preloaded.c.in ${source} @ONLY)
endfunction()
