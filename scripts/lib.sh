# Sourced by install.sh and the scripts here: steps with their time, failures with advice, packages, virtual environments.
# shellcheck shell=bash

readonly MINIMUM_PYTHON="3, 11"
assume_yes=${assume_yes:-}
log=$(mktemp)
title=start
apt_is_fresh=""

say() { printf '  %s\n' "$*"; }

# Says what failed and, in the further arguments, what to do about it.
fail() {
    trap - ERR
    printf '\n%s: %s\n' "$title" "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '  %s\n' "$@" >&2
    exit 1
}

unexpected() {
    printf '\n%s failed. Its last lines:\n' "$title" >&2
    tail -n 15 "$log" >&2
    printf 'Mend that and run this again: what is done is not done twice.\n' >&2
    exit 1
}

interrupted() {
    trap - ERR
    printf '\nStopped during: %s. Run this again to go on; what is done is not done twice.\n' "$title" >&2
    exit 130
}

trap unexpected ERR
trap interrupted INT TERM
trap 'rm -f "$log"' EXIT

# step TITLE COMMAND...: runs it, and prints what it put into $note and the seconds that it took.
step() {
    title=$1
    shift
    local started=$EPOCHREALTIME seconds
    note="done"
    "$@"
    seconds=$(LC_ALL=C awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { sub(",", ".", a); sub(",", ".", b); printf "%.1f", b - a }')
    say "$title: $note ($seconds s)"
}

confirm() {
    [[ -z $assume_yes ]] || return 0
    [[ -t 0 ]] || return 1
    local answer
    read -r -p "  $1 [y/N] " answer
    [[ $answer == [yY]* ]]
}

can_be_root() { [[ $(id -u) -eq 0 ]] || command -v sudo >/dev/null; }

as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# Installs Debian packages, if that is wanted and possible here; else says by which command to do so.
install_packages() {
    local advice="as root: apt-get install $*"
    command -v apt-get >/dev/null ||
        fail "missing here: $*" "This is not Debian or Ubuntu: install them by your own package manager, and run this again."
    can_be_root || fail "missing here: $*" "$advice" "and run this again."
    confirm "Install $* with apt-get?" || fail "missing here: $*" "$advice" "or run this again with --yes."
    say "installing $* with apt-get"
    if [[ -z $apt_is_fresh ]]; then
        as_root apt-get update -q >>"$log" 2>&1 || say "apt-get update failed; going on with the lists that are here"
        apt_is_fresh=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y "$@" >>"$log" 2>&1
}

is_recent_python() {
    "$1" -c "import sys; sys.exit(sys.version_info < ($MINIMUM_PYTHON))" 2>/dev/null
}

# Prints the path of a Python that is recent enough; nothing where there is none.
find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        if is_recent_python "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

# make_venv FOLDER REQUIREMENTS: nothing to do where the stamp says that it was made from the same.
make_venv() {
    local folder=$1 requirements=$2 interpreter origin stamp
    interpreter=$(find_python)
    origin="$("$interpreter" -VV) $interpreter $PWD"
    stamp="$origin $(sha256sum requirements/*.txt | sha256sum)"
    if [[ $(cat "$folder/.stamp-$(basename "$requirements")" 2>/dev/null) == "$stamp" ]]; then
        note="as $requirements says"
        return
    fi
    if [[ $(cat "$folder/.origin" 2>/dev/null) != "$origin" ]]; then
        "$interpreter" -m venv --clear "$folder" >>"$log" 2>&1
        printf '%s' "$origin" >"$folder/.origin"
    fi
    say "installing $requirements into $folder"
    "$folder/bin/python" -m pip install --quiet --no-input --disable-pip-version-check -r "$requirements" >>"$log" 2>&1 ||
        fail "pip could not install $requirements: $(grep -i error "$log" | tail -n 1)" \
            "Often: no way to the package index (set https_proxy or PIP_INDEX_URL), or a full disk. Run this again."
    printf '%s' "$stamp" >"$folder/.stamp-$(basename "$requirements")"
    note="installed from $requirements"
}
