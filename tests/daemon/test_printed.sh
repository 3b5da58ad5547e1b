#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The sample file and the manual page in the tree are what the option tables print.
set -eu
src=${srcdir:-.}
failed=0

same() {
	if diff -u "$src/$1" -; then
		echo "ok - $1 is what the tables print"
	else
		echo "not ok - $1 differs from the tables; run: make update-printed"
		return 1
	fi
}

"$src/scripts/print-options" ./sallyportd sample | same etc/sallyport.yaml || failed=1
"$src/scripts/print-options" ./sallyportd man "$src/man/sallyport.yaml.5.in" | same man/sallyport.yaml.5 || failed=1
exit $failed
