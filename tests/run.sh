#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every test there is, from a fresh clone on Debian 12, as root or with sudo:
#
#   tests/run.sh            the usual run; about half an hour on two cores
#   tests/run.sh --quick    one build and "make check"
#   tests/run.sh --long     every script with every build, fresh fuzzing, floods and coverage
#   tests/run.sh PHASE...   only these phases
#   tests/run.sh --list     names the phases
#
#   --keep                  leaves the build folder, whose name it prints, also after success
#   --dir FOLDER            builds there, and uses again what an earlier run left
#   --only "NAME NAME..."   of the integration scripts only these
#
# The phases that look at files and those that build once more run beside the integration scripts, which
# mostly wait, and get what these leave of the processors.
# An integration script that fails runs a second time by itself, and so does "make distcheck"; the end
# names those that passed only then. A phase that fails does not stop the next one. The last line is
# "N passed, N failed, N skipped", counting single tests; a test that runs in three builds counts three
# times. The exit code is 0 when none failed. It builds a copy of the tree, so the clone itself is not
# touched.
set -u
export LC_ALL=C
exec </dev/null

top=$(cd "$(dirname "$0")/.." && pwd)
all_phases='packages gcc clang asan tsan layers style static integration integration-steer
integration-kernel integration-asan integration-tsan distcheck quickstart fuzz coverage'
usual_phases='packages gcc clang asan tsan layers style static integration integration-steer
integration-asan integration-tsan distcheck quickstart'
quick_phases='packages gcc'
# Run beside "integration": they keep every processor busy, and how long they take is judged by nobody.
beside_phases='style distcheck static'

phases=
work=
only=
keep=false
export SALLYPORT_LONG=${SALLYPORT_LONG:-}
while [ $# -gt 0 ]; do
	case $1 in
	--quick) phases=$quick_phases ;;
	--long)
		phases=$all_phases
		SALLYPORT_LONG=1
		;;
	--keep) keep=true ;;
	--dir)
		[ $# -ge 2 ] || { echo "--dir wants a folder" >&2; exit 2; }
		mkdir -p "$2" && work=$(cd "$2" && pwd) || exit 2
		keep=true
		shift
		;;
	--only)
		[ $# -ge 2 ] || { echo "--only wants names of scripts" >&2; exit 2; }
		only=$2
		shift
		;;
	--list)
		echo $all_phases
		exit 0
		;;
	-h | --help)
		sed -n '4,23s/^# \{0,1\}//p' "$0"
		exit 0
		;;
	*)
		case " $(echo $all_phases) " in
		*" $1 "*) phases="$phases $1" ;;
		*)
			echo "no such phase or option: $1 (see --help)" >&2
			exit 2
			;;
		esac
		;;
	esac
	shift
done
phases=${phases:-$usual_phases}

jobs=$(nproc 2>/dev/null || echo 2)
[ -n "$work" ] || work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-test.XXXXXX") || exit 2
chmod 755 "$work" # the daemon gives up root and must still reach what a test wrote for it
src=$work/src
logs=$work/logs
results=$work/results # a file for each phase that has ended, and these two:
second=$results/second # what passed at its second run only
broken=$results/broken # a line for each check that failed, said once more at the end
rm -rf "$results"
mkdir -p "$logs" "$results" && : >"$second" && : >"$broken" || exit 2

# What every integration script is begun with.
wrapper=()
priority=()

# ---- what the phases use ----

# Adds to the counts of the phase that runs.
count()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# NAME COMMAND...: one check, whose output is shown only when it fails.
check()
{
	local name=$1 log
	shift
	log=$logs/$phase-$name.log
	if "$@" >"$log" 2>&1; then
		echo "ok - $name"
		count 1 0 0
		return 0
	fi
	echo "not ok - $name; what looks like the reason, and the end of $log:"
	grep -E '(^|[ :])(error|warning):|: \*\*\* |Aborted' "$log" | head -n 10 | sed 's/^/    /'
	tail -n 30 "$log" | sed 's/^/    .. /'
	echo "$phase: $name" >>"$broken"
	count 0 1 0
	return 1
}

skip()
{
	echo "skip - $1: $2"
	count 0 0 1
}

# LOG: counts the lines "ok", "not ok" and "skip" of TAP and of our scripts.
count_log()
{
	awk -v OFS=' ' '
		/^(not )?ok .*# SKIP/ || /^skip - / { s++; next } # cmocka says "not ok" of both
		/^ok / { p++ }
		/^not ok / { f++ }
		END { print p + 0, f + 0, s + 0 }' "$1"
}

# The tree as it is, without what builds left in it.
copy_tree()
{
	[ ! -e "$results/copied" ] || return 0
	mkdir -p "$src" &&
		if git -c safe.directory='*' -C "$top" rev-parse >/dev/null 2>&1; then
			(cd "$top" && git -c safe.directory='*' ls-files -z -co --exclude-standard |
				while IFS= read -r -d '' f; do
					[ -e "$f" ] && printf '%s\0' "$f"
				done | tar -cf - --null -T -)
		else
			tar -C "$top" --exclude='./build*' --exclude='*.o' --exclude='*.a' -cf - .
		fi | tar -C "$src" -xf - && rm -f "$src/config.status" &&
		(cd "$src" && autoreconf -fi) >"$logs/autoreconf.log" 2>&1 || {
		echo "autoreconf failed; the end of its output:"
		tail -n 20 "$logs/autoreconf.log"
		return 1
	}
	: >"$results/copied"
}

# BUILD CONFIGURE-ARGUMENTS...: configures and builds all, the test programs too.
build()
{
	local dir=$work/$1
	shift
	copy_tree || { count 0 1 0; return 1; }
	mkdir -p "$dir" || return 1
	check configure env -C "$dir" "$src/configure" -q "$@" &&
		check build make -C "$dir" -j"$jobs" -k all &&
		check build-tests make -C "$dir" -j"$jobs" -k check TESTS=
}

# BUILD [WRAPPER...]: make check, every test program's own checks counted.
make_check()
{
	local dir=$work/$1 trs n programs=0
	shift
	list_results "$dir" | xargs -r rm -f
	CMOCKA_MESSAGE_OUTPUT=TAP "$@" make -C "$dir" -j"$jobs" -k check >"$logs/$phase-check.log" 2>&1
	while IFS= read -r trs; do
		programs=$((programs + 1))
		read -r -a n <<<"$(count_program "$trs")"
		count "${n[@]}"
		[ "${n[1]}" -gt 0 ] || continue
		echo "$phase: ${trs#"$dir"/}" >>"$broken"
		echo "not ok - ${trs#"$dir"/}; the end of its log:"
		tail -n 40 "${trs%.trs}.log" | sed 's/^/    /'
	done < <(list_results "$dir" | sort)
	if [ $programs -eq 0 ] || ! grep -q '^# TOTAL:' "$logs/$phase-check.log"; then
		echo "not ok - make check did not get to its end:"
		tail -n 40 "$logs/$phase-check.log" | sed 's/^/    /'
		echo "$phase: make check" >>"$broken"
		count 0 1 0
	fi
}

# What automake wrote for each test program; not those of an unpacked release below.
list_results()
{
	find "$1"/scripts "$1"/tests -name '*.trs' 2>/dev/null
}

# TRS: the counts of one test program: of its own lines, or 1 for the whole when it prints none.
count_program()
{
	local -a n
	read -r -a n <<<"$(count_log "${1%.trs}.log")"
	case $(sed -n 's/^:test-result: *//p' "$1" | head -n 1) in
	PASS*) [ $((n[0] + n[1] + n[2])) -gt 0 ] || n=(1 0 0) ;;
	SKIP*) [ $((n[0] + n[1] + n[2])) -gt 0 ] || n=(0 0 1) ;;
	# A program that broke off has no line for the test that broke it.
	*) [ "${n[1]}" -gt 0 ] || n[1]=1 ;;
	esac
	echo "${n[@]}"
}

# SCRIPT BUILD DAEMON LIMIT_S REPORTS: one integration script; its exit code goes beside its log.
integration_script()
{
	local script=$1 dir=$2 daemon=$3 limit_s=$4 reports=$5 log
	local -a as_root=()
	local TIMEFORMAT='%0R %0U %0S' rc
	# Namespaces want root; without it and without sudo the scripts skip themselves.
	[ "$(id -u)" -eq 0 ] || ! sudo -n true 2>/dev/null || as_root=(sudo -n)
	log=$logs/$phase-$(basename "$script" .sh)
	{ time "${as_root[@]}" env SALLYPORT_BUILD="$dir" SALLYPORTD="$daemon" \
		SALLYPORT_SANITIZED="$sanitizer" SALLYPORT_LONG="$SALLYPORT_LONG" \
		SALLYPORT_DATAPATH="$datapath" \
		ASAN_OPTIONS="log_path=$reports/asan:abort_on_error=0" \
		UBSAN_OPTIONS="print_stacktrace=1:log_path=$reports/ubsan" \
		TSAN_OPTIONS="log_path=$reports/tsan:second_deadlock_stack=1" \
		"${wrapper[@]}" "${priority[@]}" timeout -k 10 "$limit_s" "$script" >"$log.log" 2>&1; rc=$?; } 2>"$log.time"
	# The shell says more there of one that had to be killed.
	echo "$rc $(tail -n 1 "$log.time")" >"$log.status"
}

# NAME: whether it failed, neither skipping itself nor passing.
has_failed()
{
	case $(cut -d' ' -f1 "$logs/$phase-$1.status") in
	0 | 77) false ;;
	*) true ;;
	esac
}

# BUILD DAEMON LIMIT_S REPORTS NAME...: what failed in a crowd gets a second run by itself, which counts.
# A fault of ours fails again, or a sanitizer speaks, which counts whatever comes of this; a host that
# had no time for the test does not. What failed first is shown. More than a few are no accident.
second_runs()
{
	local -a again=() with=("${@:1:4}")
	local name log
	shift 4
	for name in "$@"; do
		! has_failed "$name" || again+=("$name")
	done
	[ ${#again[@]} -le 3 ] || return 0
	for name in "${again[@]}"; do
		log=$logs/$phase-$name
		mv "$log.log" "$log.first.log"
		integration_script "$src/tests/integration/$name.sh" "${with[@]}"
		has_failed "$name" || echo "$phase:$name" >>"$second"
		echo "-- $name failed and was run again; its first run said:"
		grep -A 12 '^not ok' "$log.first.log" | head -n 40 | sed 's/^/    /'
	done
}

# NAME: counts and shows what integration_script has left of it.
integration_result()
{
	local log=$logs/$phase-$1.log rc seconds user system
	local -a n
	read -r rc seconds user system <"${log%.log}.status"
	read -r -a n <<<"$(count_log "$log")"
	case $rc in
	0) ;;
	77) [ "${n[2]}" -gt 0 ] || n[2]=1 ;;
	*) [ "${n[1]}" -gt 0 ] || n[1]=1 ;;
	esac
	count "${n[@]}"
	echo "-- $1: ${n[0]} passed, ${n[1]} failed, ${n[2]} skipped, $seconds s, $((user + system)) s of processors"
	grep -E '^skip - |# SKIP' "$log" | sed 's/^/  /'
	if [ "${n[1]}" -gt 0 ]; then
		echo "$phase: $1.sh: $(grep -m 1 '^not ok' "$log" || echo "exit code $rc")" >>"$broken"
		echo "  exit code $rc; from $log:"
		grep '^not ok' "$log" | sed 's/^/    /'
		tail -n 30 "$log" | sed 's/^/    /'
	fi
}

# NAME...: as one begins them, those that say that they take long before the others, so that the
# last one to end has not begun last.
longest_first()
{
	local name s
	for name in "$@"; do
		s=$(sed -n 's/^# Takes \([0-9]*\) s.*/\1/p' "$src/tests/integration/$name.sh")
		echo "${s:-0} $name"
	done | sort -k1,1nr -k2 | cut -d' ' -f2
}

# SCRIPT: whether it runs in this phase, by what its head says. Every script runs with the plain build.
# With a sanitizer run those that bring it code which others do not, over a data path that is not the
# usual one those that are about datagrams; with --long all that can.
is_wanted()
{
	[ -z "$only" ] || case " $only " in *" $(basename "$1" .sh) "*) ;; *) return 1 ;; esac
	if [ -n "$sanitizer" ]; then
		! grep -q '^# Without sanitizers' "$1" || return 1
		[ -n "$SALLYPORT_LONG" ] || grep -q "^# With [a-z, ]*$sanitizer" "$1" || return 1
	fi
	case $datapath in '' | socket) return 0 ;; esac
	! grep -q '^# With sockets only' "$1" || return 1
	[ -n "$SALLYPORT_LONG" ] || grep -q '^# Over each data path' "$1"
}

# BUILD LIMIT_S SANITIZER DATAPATH: the integration scripts with the daemon of that build, three at once
# for each core, two with a sanitizer: each has namespaces of its own, and they wait for clients and
# clocks nine tenths of their time. Those that flood have precedence: one of them runs at a time, and the
# others give way to it. Those that keep processors busy themselves run alone.
integration()
{
	local dir=$work/$1 limit_s=$2 sanitizer=$3 datapath=$4 daemon script name reports
	local -a names=() together=() first=() alone=() priority=()
	local at_once=$((3 * jobs))
	[ -z "$sanitizer" ] || at_once=$((2 * jobs))
	daemon=$dir/sallyportd
	if [ ! -x "$daemon" ]; then
		echo "not ok - there is no sallyportd in $dir"
		count 0 1 0
		return
	fi
	reports=$work/reports-$phase
	rm -rf "$reports"
	mkdir -m 1777 "$reports"
	for script in "$src"/tests/integration/*.sh; do
		name=$(basename "$script" .sh)
		[ -x "$script" ] && [ "$name" != lib ] || continue
		is_wanted "$script" || continue
		names+=("$name")
		if grep -q '^# Runs alone' "$script"; then
			alone+=("$name")
		elif grep -q '^# Has precedence' "$script"; then
			first+=("$name")
		else
			together+=("$name")
		fi
	done
	for name in "${first[@]}"; do
		integration_script "$src/tests/integration/$name.sh" "$dir" "$daemon" "$limit_s" \
			"$reports"
	done &
	[ ${#first[@]} -eq 0 ] || priority=(nice -n 10)
	for name in $(longest_first "${together[@]}"); do
		while [ "$(jobs -rp | wc -l)" -ge $at_once ]; do
			wait -n
		done
		integration_script "$src/tests/integration/$name.sh" "$dir" "$daemon" "$limit_s" \
			"$reports" &
	done
	wait
	priority=()
	for name in "${alone[@]}"; do
		integration_script "$src/tests/integration/$name.sh" "$dir" "$daemon" "$limit_s" \
			"$reports"
	done
	second_runs "$dir" "$daemon" "$limit_s" "$reports" "${names[@]}"
	for name in "${names[@]}"; do
		integration_result "$name"
	done
	if [ "${#names[@]}" = 0 ]; then
		echo "not ok - there is no integration script"
		count 0 1 0
	fi
	if [ -n "$(ls -A "$reports")" ]; then
		echo "not ok - a sanitizer spoke:"
		head -n 60 "$reports"/* | sed 's/^/    /'
		echo "$phase: a sanitizer's report" >>"$broken"
		count 0 1 0
	fi
}

# ---- the phases ----

phase_packages()
{
	if command -v apt-get >/dev/null 2>&1; then
		check installed "$top/scripts/install-packages" test
	else
		skip packages "no apt-get here; what is installed has to do"
	fi
}

phase_gcc()
{
	build gcc CC=gcc && make_check gcc
}

phase_clang()
{
	build clang CC=clang && make_check clang
}

# The sanitizers' instrumentation makes the compiler see things that are not there; warnings are
# errors in the two plain builds.
phase_asan()
{
	build asan CC=gcc --enable-asan --disable-werror && make_check asan
}

# ThreadSanitizer's shadow memory has a fixed place that today's address randomization may take.
without_aslr()
{
	wrapper=()
	setarch -R true 2>/dev/null && wrapper=(setarch -R)
}

phase_tsan()
{
	without_aslr
	build tsan CC=gcc --enable-tsan --disable-werror && make_check tsan "${wrapper[@]}"
	wrapper=()
}

phase_layers()
{
	check layers "$top/scripts/check-layers" "$top"
}

phase_style()
{
	check style "$top/scripts/check-style" "$top"
	local page
	for page in "$top"/man/*.[1-8]; do
		[ -e "$page" ] || continue
		check "$(basename "$page")" mandoc -T lint -W warning "$page"
	done
}

phase_static()
{
	if [ ! -e "$work/gcc/config.h" ]; then
		build gcc CC=gcc || return
	fi
	# Programs for the kernel have a compiler and a verifier of their own.
	local -a programs bpf_macros=()
	mapfile -t programs < <(find "$src/src" -name '*.bpf.c')
	local bpf=/usr/include/bpf/libbpf_common.h # has the macro that declares options
	[ ! -e "$bpf" ] || bpf_macros=(--include="$bpf")
	# cppcheck takes an object that went into a list for a leak; LeakSanitizer knows better.
	check cppcheck cppcheck -q --suppress=memleak -j "$jobs" --std=c11 --enable=warning,portability --inline-suppr \
		--error-exitcode=1 -I "$src/include" --include="$work/gcc/config.h" \
		--include=/usr/include/jansson.h "${bpf_macros[@]}" "${programs[@]/#/-i}" "$src/src"
	check clang-tidy tidy
}

# One file at a time: clang-tidy 14 carries state of va_list from one file to the next.
tidy()
(
	cd "$src" && find src -name '*.c' ! -name '*.bpf.c' -print0 | sort -z | xargs -0 -n 1 -P "$jobs" sh -c '
		config=$0
		exec clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=gnu11 -I include \
			-include "$config" -DSYSCONFDIR="\"\"" -DRUNSTATEDIR="\"\"" \
			-DOPENSSL_API_COMPAT=10101' "$work/gcc/config.h"
)

have_build()
{
	[ -x "$work/$1/sallyportd" ] || "phase_$1"
}

phase_integration()
{
	have_build gcc
	integration gcc $((SALLYPORT_LONG ? 1800 : 600)) "" socket
}

# DATAPATH: the same build, datagrams relayed by that back end.
integration_over()
{
	have_build gcc
	if ! grep -q '^#define HAVE_BPF 1' "$work/gcc/config.h"; then
		skip "$1" "built without BPF: clang or libbpf is missing"
		return
	fi
	integration gcc $((SALLYPORT_LONG ? 1800 : 600)) "" "$1"
}

phase_integration-steer()
{
	integration_over steer
}

phase_integration-kernel()
{
	integration_over kernel
}

phase_integration-asan()
{
	have_build asan
	integration asan $((SALLYPORT_LONG ? 3600 : 900)) asan ""
}

phase_integration-tsan()
{
	have_build tsan
	without_aslr
	integration tsan $((SALLYPORT_LONG ? 3600 : 900)) tsan ""
	wrapper=()
}

phase_distcheck()
{
	if [ ! -e "$work/gcc/Makefile" ]; then
		build gcc CC=gcc || return
	fi
	check distcheck make -C "$work/gcc" -j"$jobs" distcheck
}

phase_quickstart()
{
	have_build gcc
	check quickstart env SALLYPORT_BUILD="$work/gcc" "$src/contrib/quickstart.sh" &&
		sed -n '/^== Result/,$p' "$logs/quickstart-quickstart.log"
}

phase_fuzz()
{
	local target name corpus seconds=${FUZZ_SECONDS:-30}
	build fuzz CC=clang --enable-fuzzing || return
	for target in "$work"/fuzz/tests/fuzz/fuzz_*; do
		[ -f "$target" ] && [ -x "$target" ] || continue
		name=$(basename "$target")
		corpus=$work/fuzz/corpus/${name#fuzz_}
		mkdir -p "$corpus"
		check "$name" env -C "$work/fuzz" "$target" -max_total_time="$seconds" -timeout=10 \
			-rss_limit_mb=1024 -print_final_stats=1 "$corpus" \
			"$src/tests/fuzz/corpus/${name#fuzz_}"
	done
}

phase_coverage()
{
	build coverage CC=gcc --enable-coverage --disable-werror || return
	make_check coverage
	integration coverage 900 "" ""
	(cd "$work/coverage" && find . -name '*.gcda' -path '*src*' | sort | xargs gcov -n 2>/dev/null) |
		awk '/^File .*\/src\/[a-z]+\/([a-z]+\/)?[^\/]+\.c/ { f = $2; gsub(/.*\/src\//, "", f); gsub("\047", "", f) }
			/^Lines executed/ && f != "" { split($2, a, /[:%]/); l = $4; n[f] = l; e[f] = a[2] * l / 100; f = "" }
			END { for (f in n) { d = f; sub(/\/.*/, "", d); dn[d] += n[f]; de[d] += e[f]; N += n[f]; E += e[f] }
				for (d in dn) printf "%-10s %5.1f %% of %5d lines\n", d, 100 * de[d] / dn[d], dn[d] | "sort"
				close("sort"); if (N) printf "%-10s %5.1f %% of %5d lines\n", "all", 100 * E / N, N }'
}

# ---- one after the other, and some beside others ----

# PHASE: runs it in a shell of its own; counts and seconds are left in a file.
run_phase()
(
	phase=$1 passed=0 failed=0 skipped=0
	begun=$(date +%s)
	echo
	echo "==== $phase ===="
	"phase_$phase"
	seconds=$(($(date +%s) - begun))
	echo "$passed $failed $skipped $seconds" >"$results/$phase"
	summary_line "$phase"
)

# PHASE: what it has left. One that broke off has failed.
summary_line()
{
	local -a n=(0 1 0 0)
	[ ! -e "$results/$1" ] || read -r -a n <"$results/$1"
	printf '%-18s %5d passed %4d failed %4d skipped %5d s\n' "$1" "${n[@]}"
}

# PHASE...: one after the other, in a process group of its own whose processes get what all others leave
# of the processors.
beside=
start_beside()
{
	local phase
	beside_log=$logs/beside.log
	set -m
	{
		set +m
		chrt --idle --pid 0 "$BASHPID" || renice -n 19 -p "$BASHPID"
		for phase in "$@"; do
			run_phase "$phase"
		done
	} >"$beside_log" 2>&1 &
	beside=$!
	set +m
	trap 'kill -TERM -- -$beside 2>/dev/null' EXIT
	trap 'exit 130' INT TERM HUP
}

# Nothing else runs now, so they are as good as any; on a host that others use too that matters.
finish_beside()
{
	local pid
	for pid in $(ps -eo pid=,pgid= | awk -v group="$beside" '$2 == group { print $1 }'); do
		chrt --other --pid 0 "$pid"
		renice -n 0 -p "$pid"
	done >/dev/null 2>&1
	wait "$beside"
	trap - EXIT
	cat "$beside_log"
	! is_among distcheck "${later[@]}" || has_passed distcheck || second_distcheck
}

# PHASE: it got to its end, and nothing has failed.
has_passed()
{
	local -a n=(0 1)
	[ ! -e "$results/$1" ] || read -r -a n <"$results/$1"
	[ "${n[1]}" -eq 0 ]
}

# Its test programs wait half a minute at most, and beside all that floods that may give them no time:
# as with the integration scripts, the second run counts, which it has for itself.
second_distcheck()
{
	echo "-- distcheck failed and is run again"
	rm -f "$results/distcheck"
	sed -i '/^distcheck: /d' "$broken"
	run_phase distcheck
	! has_passed distcheck || echo distcheck >>"$second"
}

# WORD LIST...: whether it is one of them.
is_among()
{
	local word=$1
	shift
	case " $* " in *" $word "*) ;; *) false ;; esac
}

started=$(date +%s)
later=()
if is_among gcc $phases && is_among integration $phases; then
	for phase in $beside_phases; do
		! is_among "$phase" $phases || later+=("$phase")
	done
fi
for phase in $phases; do
	is_among "$phase" "${later[@]}" && continue
	if [ "$phase" != integration ] || [ ${#later[@]} -eq 0 ]; then
		run_phase "$phase"
	elif [ -x "$work/gcc/sallyportd" ]; then
		start_beside "${later[@]}"
		run_phase "$phase"
	else # each would build it
		for each in "${later[@]}" integration; do
			run_phase "$each"
		done
	fi
done
[ -z "$beside" ] || finish_beside

echo
echo "==== all phases ===="
for phase in $phases; do
	summary_line "$phase"
done | tee "$results/summary"
read -r total_passed total_failed total_skipped < <(
	awk '{ p += $2; f += $4; s += $6 } END { print p + 0, f + 0, s + 0 }' "$results/summary")
echo "$(($(date +%s) - started)) seconds in all"
[ ! -s "$second" ] || echo "passed at the second run only: $(paste -sd' ' "$second")"
[ ! -s "$broken" ] || sed 's/^/failed: /' "$broken"
if $keep || [ "$total_failed" -gt 0 ]; then
	echo "builds and logs are in $work"
else
	rm -rf "$work"
fi
echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
[ "$total_failed" -eq 0 ]
