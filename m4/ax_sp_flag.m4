# AX_SP_FLAG(FLAG, VARIABLE): append FLAG to VARIABLE when the compiler takes it without a warning.
AC_DEFUN([AX_SP_FLAG], [
  ax_sp_save="$CFLAGS"
  CFLAGS="$CFLAGS -Werror $1"
  AC_MSG_CHECKING([whether $CC takes $1])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <stdio.h>]], [])],
    [AC_MSG_RESULT([yes]); $2="$$2 $1"], [AC_MSG_RESULT([no])])
  CFLAGS="$ax_sp_save"
])
