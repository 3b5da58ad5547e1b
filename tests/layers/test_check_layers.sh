#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Feeds scripts/check-layers a toy tree with one violation at a time: each must be named, with its
# place, and the clean tree must pass. Without this a check that never complains would look fine.
set -u
check=${srcdir:-$(dirname "$0")/../..}/scripts/check-layers
case $check in /*) ;; *) check=$PWD/$check ;; esac
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0

# A clean tree: base at the bottom, wire above it, top may use everything.
toy_tree()
{
	rm -rf "$dir/t"
	mkdir -p "$dir/t/src/base" "$dir/t/src/wire/fast" "$dir/t/src/wire/slow" "$dir/t/src/top" \
		"$dir/t/include/sallyport/base"
	cd "$dir/t" || exit 99
	cat >src/LAYERS <<-'ROWS'
		# comment
		base       -     | -
		wire       base  | yaml.h
		wire/fast  base wire | -
		wire/slow  ..    | -
		top        *     | openssl event2
	ROWS
	echo '#include <sallyport/base/list.h>' >include/sallyport/base.h
	echo '#include <stddef.h>' >include/sallyport/base/list.h
	echo '#include <sallyport/base.h>' >include/sallyport/wire.h
	echo 'int top;' >include/sallyport/top.h
	printf '#include <stdio.h>\n#include <sys/socket.h>\n#include <sallyport/base.h>\n' >src/base/a.c
	echo 'int private;' >src/wire/own.h
	printf '#include "own.h"\n#include <sallyport/wire.h>\n#include <yaml.h>\n' >src/wire/w.c
	echo '#include <sallyport/wire.h>' >src/wire/fast/f.c
	echo 'int part;' >src/wire/slow/part.h
	printf '#include "../own.h"\n#include "part.h"\n#include <sallyport/base.h>\n' \
		>src/wire/slow/s.c
	printf '#include <openssl/ssl.h>\n#include <event2/event.h>\n#include <sallyport/wire.h>\n' \
		>src/top/main.c
}

# NAME WANTED-TEXT: runs the check on the tree as it is now. "" wants a clean tree.
expect()
{
	out=$("$check" "$dir/t" 2>&1)
	status=$?
	if [ -z "$2" ] && [ $status -eq 0 ]; then
		echo "ok - $1"
	elif [ -n "$2" ] && [ $status -eq 1 ] && printf '%s\n' "$out" | grep -qF -- "$2"; then
		echo "ok - $1"
	else
		echo "not ok - $1: exit $status, wanted '$2', got:"
		printf '%s\n' "$out" | sed 's/^/    /'
		failed=1
	fi
}

toy_tree
expect clean_tree_passes ''

toy_tree
echo '#include <sallyport/wire.h>' >>src/base/a.c
expect upward_include_is_named 'src/base/a.c:4: base may not use wire'

toy_tree
echo '  #  include <sallyport/wire.h> /* spaced */' >>include/sallyport/base.h
expect upward_include_in_a_face_is_named 'include/sallyport/base.h:2: base may not use wire'

toy_tree
echo '#include <sallyport/top.h>' >>src/wire/fast/f.c
expect nested_folder_has_a_row_of_its_own 'src/wire/fast/f.c:2: wire/fast may not use top'

toy_tree
echo '#include <openssl/evp.h>' >>src/wire/w.c
expect library_of_another_row_is_named 'src/wire/w.c:4: wire may not use <openssl/evp.h>'

toy_tree
echo '#include <pcap.h>' >>src/top/main.c
expect library_of_no_row_is_named 'src/top/main.c:4: top may not use <pcap.h>'

toy_tree
echo '#include "own.h"' >>src/top/main.c
expect private_header_of_another_folder_is_named 'src/top/main.c:4: "own.h" is not in src/top/'

toy_tree
echo '#include "../wire/own.h"' >>src/top/main.c
expect path_to_a_private_header_is_named 'src/top/main.c:4: "../wire/own.h": a private header'

toy_tree
echo '#include "../own.h"' >>src/wire/fast/f.c
expect only_a_part_reads_the_private_headers_of_its_whole 'src/wire/fast/f.c:2: "../own.h": a private'

toy_tree
echo '#include "../gone.h"' >>src/wire/slow/s.c
expect missing_private_header_of_the_whole_is_named 'src/wire/slow/s.c:4: "../gone.h" is not in src/wire/'

toy_tree
echo '#include "slow/part.h"' >>src/wire/w.c
expect private_header_of_a_part_is_its_own 'src/wire/w.c:4: "slow/part.h": a private header'

toy_tree
echo '#include <sallyport/top.h>' >>src/wire/slow/s.c
expect part_may_use_no_more_than_its_whole 'src/wire/slow/s.c:4: wire/slow may not use top'

toy_tree
mkdir include/sallyport/wire
echo '#include <sallyport/base.h>' >include/sallyport/wire/slow.h
echo '#include <sallyport/wire/slow.h>' | tee -a src/wire/w.c src/wire/fast/f.c >>src/wire/slow/s.c
expect face_named_like_a_part_is_of_its_whole ''

toy_tree
echo '#include <yaml.h>' >>src/wire/slow/s.c
expect library_of_the_whole_is_not_the_parts 'src/wire/slow/s.c:4: wire/slow may not use <yaml.h>'

toy_tree
sed -i 's/^wire\/slow .*/lone .. | -/' src/LAYERS
expect part_of_nothing_is_named 'src/LAYERS:5: lone is a part of no folder'

toy_tree
echo '#include "own.h"' >>include/sallyport/wire.h
expect private_header_in_a_face_is_named 'include/sallyport/wire.h:2: "own.h": a face cannot'

toy_tree
echo '#include <sallyport/nosuch.h>' >>src/top/main.c
expect face_of_no_folder_is_named 'src/top/main.c:4: <sallyport/nosuch.h> is a face of no folder'

toy_tree
echo '#include <sallyport/base/nosuch.h>' >>src/top/main.c
expect missing_part_of_a_face_is_named 'src/top/main.c:4: <sallyport/base/nosuch.h> is a face of no'

toy_tree
echo '#include HEADER' >>src/top/main.c
expect computed_include_is_named 'src/top/main.c:4: this #include cannot be checked'

toy_tree
echo 'int x;' >include/sallyport/stray.h
expect face_without_row_is_named 'include/sallyport/stray.h: belongs to no folder'

toy_tree
mkdir src/stray && echo 'int x;' >src/stray/s.c
expect folder_without_row_is_named 'src/stray/s.c: belongs to no folder'

toy_tree
echo 'int x;' >src/loose.c
expect file_outside_any_folder_is_named 'src/loose.c: belongs to no folder'

toy_tree
echo 'gone base | -' >>src/LAYERS
expect row_without_folder_is_named 'src/LAYERS:7: gone has a row but no folder'

toy_tree
sed -i 's/^base  .*/base wire | -/' src/LAYERS
expect row_that_names_a_later_folder_is_named 'src/LAYERS:2: base names wire, which has no row above'

toy_tree
sed -i 's/^wire  .*/wire wire | yaml.h/' src/LAYERS
expect row_that_names_itself_is_named 'src/LAYERS:3: wire names itself'

toy_tree
echo 'base - | -' >>src/LAYERS
expect second_row_of_a_folder_is_named 'src/LAYERS:7: base has a row already'

toy_tree
sed -i 's/^wire  .*/wire base yaml.h/' src/LAYERS
expect row_without_bar_is_named 'src/LAYERS:3: a row is:'

toy_tree
sed -i 's/^wire  .*/wire | yaml.h/' src/LAYERS
expect row_without_uses_is_named 'src/LAYERS:3: wire says nothing'

toy_tree
rm -rf src/*/ include/sallyport/*
expect empty_tree_is_named 'src: holds no source file'

exit $failed
