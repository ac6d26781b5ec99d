#!/usr/bin/env bash
# Installs and starts CAM on Debian 12+ or Ubuntu 22.04+: ./install.sh [--yes] [--no-start]
#
#   --yes       install missing packages (git, make, Python's venv, docker.io) without asking
#   --no-start  install everything, but make no database and start nothing
#
# Running it again repeats only what has changed.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

start=yes
for argument in "$@"; do
    case $argument in
    --yes | -y) assume_yes=yes ;;
    --no-start) start="" ;;
    --help | -h)
        sed -n '2,/^set/{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        printf 'unknown argument %s; see ./install.sh --help\n' "$argument" >&2
        exit 2
        ;;
    esac
done

# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/docker.sh
. scripts/docker.sh

have_programs() {
    local missing=() program
    for program in git make; do
        command -v "$program" >/dev/null || missing+=("$program")
    done
    [[ ${#missing[@]} -eq 0 ]] || install_packages "${missing[@]}"
    [[ -n $(find_python) ]] || install_python
    python=$(find_python)
    [[ -n $python ]] || fail "no Python of 3.11 or newer" "Install one (Debian 12 and Ubuntu 24.04 have it), and run this again."
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    fi
    note="$("$python" -V) ($python), git, make"
}

# Ubuntu 22.04's own python3 is 3.10, and it has 3.11 beside it.
install_python() {
    local version
    for version in 3.13 3.12 3.11; do
        if [[ -n $(apt-cache madison "python$version-venv" 2>/dev/null) ]]; then
            install_packages "python$version" "python$version-venv"
            return
        fi
    done
    install_packages python3 python3-venv
}

build_image() {
    agent_image/build 2>&1 | tee -a "$log" | sed 's/^agent image: /  /' ||
        fail "the agents' image was not built" "What it said is above. Try again by: make build-agent"
    note=ready
}

# Adds what is missing and leaves the rest of the file as it is.
write_env() {
    note="as it was"
    if [[ ! -e .env ]]; then
        (umask 077 && printf '# Settings of this site. docs/settings.md lists them all; make restart puts them in force.\n' >.env)
        note=written
    fi
    if [[ -n $(find .env -perm /077) ]]; then
        chmod 600 .env
        note="now readable by its owner only"
    fi
    if ! grep -q '^\(export \)\?CAM_SECRET_KEY=.' .env; then
        [[ -z $(tail -c 1 .env) ]] || printf '\n' >>.env
        "$python" -c 'import secrets; print("CAM_SECRET_KEY=" + secrets.token_urlsafe(50))' >>.env
        note="CAM_SECRET_KEY written"
    fi
}

# Speech works without it, too, once it is fetched: an installation does not fail for it.
fetch_speech_model() {
    note=ready
    .venv/bin/python manage.py fetch_whisper_model base >>"$log" 2>&1 ||
        note="not fetched, so agents cannot be spoken to yet; later: .venv/bin/python manage.py fetch_whisper_model"
}

collect_static() {
    local stamp
    stamp=$(find ./*/static requirements/base.txt cam_site/settings.py -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum)
    if [[ -e staticfiles/staticfiles.json && $(cat staticfiles/.stamp 2>/dev/null) == "$stamp" ]]; then
        note="as they were"
        return
    fi
    .venv/bin/python manage.py collectstatic --noinput --clear --verbosity 0 >>"$log" 2>&1
    printf '%s' "$stamp" >staticfiles/.stamp
    note=collected
}

printf 'Installing CAM in %s\n' "$PWD"
step "Python and tools" have_programs
step Docker have_docker
step "Portal environment" make_venv .venv requirements/base.txt
step "Gateway environment" make_venv .venv-gateway requirements/gateway.txt
step "Agent image" build_image
step Settings write_env
step "Speech model" fetch_speech_model
step "Static files" collect_static
if [[ -z $start ]]; then
    printf 'Installed. Start CAM by: make up\n'
    exit 0
fi
rm -f "$log"
exec .venv/bin/python manage.py portal up
