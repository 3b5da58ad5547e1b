# AX_SP_BPF: finds what BPF programs are compiled and loaded with. Sets BPF_CLANG, BPF_CPPFLAGS and
# LIBBPF_*, the automake condition HAVE_BPF, the same in config.h, and $have_bpf, a line for people.
AC_DEFUN([AX_SP_BPF], [
AC_ARG_VAR([BPF_CLANG], [clang that compiles BPF programs])
BPF_CPPFLAGS=
have_bpf=yes
AS_IF([test "$with_bpf" = no], [have_bpf="no (--without-bpf)"], [
  PKG_CHECK_MODULES([LIBBPF], [libbpf >= 1.0], [], [have_bpf="no (libbpf-dev was not found)"])
  AC_CHECK_PROGS([BPF_CLANG], [clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14], [no])
  AS_IF([test "$BPF_CLANG" = no], [have_bpf="no (clang was not found)"])
  AS_IF([test "$have_bpf" = yes], [
    AC_MSG_CHECKING([whether $BPF_CLANG compiles BPF programs])
    sp_bpf_works=no
    # Debian has <asm/types.h> in a folder of the machine's own, which -target bpf does not look in.
    sp_bpf_arch=`$CC -print-multiarch 2>/dev/null || :`
    for sp_bpf_flag in "" "-idirafter /usr/include/$sp_bpf_arch" \
      "-idirafter /usr/include/$host_cpu-$host_os"; do
      AS_IF([test $sp_bpf_works = yes], [break])
      cat >conftest.bpf.c <<_SPEOF
@%:@include <linux/bpf.h>
@%:@include <bpf/bpf_helpers.h>
SEC("xdp") int pass(struct xdp_md *ctx) { (void)ctx; return XDP_PASS; }
char licence[[]] SEC("license") = "Dual BSD/GPL";
_SPEOF
      AS_IF([$BPF_CLANG -target bpf -O2 -g $sp_bpf_flag $LIBBPF_CFLAGS -c conftest.bpf.c \
        -o conftest.bpf.o >&AS_MESSAGE_LOG_FD 2>&1],
        [sp_bpf_works=yes BPF_CPPFLAGS=$sp_bpf_flag])
      rm -f conftest.bpf.c conftest.bpf.o
    done
    AC_MSG_RESULT([$sp_bpf_works])
    AS_IF([test $sp_bpf_works = no], [have_bpf="no ($BPF_CLANG cannot compile them; see config.log)"])
  ])
  AS_IF([test "$have_bpf" = yes],
    [AC_DEFINE([HAVE_BPF], [1], [Define to 1 when the data paths in the kernel are built.])],
    [test "$with_bpf" = yes],
    [AC_MSG_ERROR([--with-bpf, but BPF: $have_bpf])],
    [AC_MSG_WARN([BPF: $have_bpf: the data paths in the kernel are left out])])
])
AC_SUBST([BPF_CPPFLAGS])
AM_CONDITIONAL([HAVE_BPF], [test "$have_bpf" = yes])
])
