# Writes a C file that holds a plugin's migrations. Run as a script:
#   cmake -DNAME=media -DOUTPUT=media_schema.c "-DFILES=schema/0001_media.sql;schema/0002_more.sql" -P HearthSchema.cmake
# A file's number is its leading digits; numbers start at 1 and have no gap, so that a forgotten file is noticed here.
function(fail message)
  message(FATAL_ERROR "plugin ${NAME}: ${message}")
endfunction()

set(code "/* Generated from the SQL files of schema/; do not edit. */\n#include <hearth/db.h>\n\n")
set(table "")
set(expected 1)
list(SORT FILES)
foreach(file ${FILES})
  get_filename_component(base ${file} NAME)
  if(NOT base MATCHES "^0*([1-9][0-9]*)_[a-z0-9_]+\\.sql$")
    fail("${base}: a migration is called NUMBER_subject.sql, as 0001_media.sql")
  endif()
  set(number ${CMAKE_MATCH_1})
  if(NOT number EQUAL expected)
    fail("${base}: migration ${expected} was expected here")
  endif()
  math(EXPR expected "${expected} + 1")
  # Bytes rather than a string literal: a compiler need not take a literal beyond 4095 characters.
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(REPLACE "'\\x0a'," "'\\x0a',\n" bytes "${bytes}")
  if(bytes MATCHES "'.x00'")
    fail("${base} holds a NUL byte")
  endif()
  string(APPEND code "static const char SQL_${number}[] = {\n${bytes}0\n};\n\n")
  string(APPEND table "\t{ .number = ${number}, .name = \"${base}\", .sql = SQL_${number} },\n")
endforeach()
string(APPEND code "extern const struct hearth_migration ${NAME}_migrations[];\n"
                   "const struct hearth_migration ${NAME}_migrations[] = {\n${table}\t{ .number = 0 }\n};\n")
file(WRITE ${OUTPUT} "${code}")
