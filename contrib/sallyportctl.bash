# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Completion of sallyportctl for bash: copy it to /usr/share/bash-completion/completions/sallyportctl.
# The commands are those that the installed program names.
_sallyportctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} commands
	case $before in
	-s | -c)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--location)
		mapfile -t COMPREPLY < <(compgen -W 'internet intranet' -- "$word")
		return
		;;
	esac
	commands=$(sallyportctl -h 2>/dev/null | sed -n 's/^  \([a-z-]*\( [a-z]*\)\{0,1\}\)  .*/\1/p')
	case $before in
	sallyportctl | --json | -j | /*)
		mapfile -t COMPREPLY < <(compgen -W "-s -c --json $(cut -d' ' -f1 <<<"$commands" | sort -u)" -- "$word")
		;;
	*)
		mapfile -t COMPREPLY < <(compgen -W "--json --help $(sed -n "s/^$before //p" <<<"$commands")" \
			-- "$word")
		;;
	esac
}
complete -F _sallyportctl sallyportctl
