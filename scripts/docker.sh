# Sourced by install.sh after lib.sh, whose `note` and `log` it uses: a Docker engine that answers.
# shellcheck shell=bash disable=SC2034,SC2154

readonly DOCKERD_LOG=/var/log/cam-dockerd.log
readonly ENGINE_TIMEOUT_SECONDS=40

engine_answers() { docker ps --quiet >/dev/null 2>&1; }

refuses_this_user() { [[ $(docker ps --quiet 2>&1 >/dev/null) == *"permission denied"* ]]; }

have_docker() {
    if ! command -v docker >/dev/null; then
        install_packages docker.io
        # Debian 13 has the client in a package of its own.
        command -v docker >/dev/null || install_packages docker-cli
    fi
    if ! engine_answers; then
        refuse_without_permission
        start_engine
        refuse_without_permission
        engine_answers || fail "the engine does not answer" "${engine_advice[@]}"
    fi
    note="engine $(docker version --format '{{.Server.Version}}')"
}

# Fails if an engine runs that this user may not use.
refuse_without_permission() {
    refuses_this_user || return 0
    fail "an engine runs, but $(id -un) may not use it" \
        "sudo usermod -aG docker $(id -un)    (who is in this group can become root on this machine)" \
        "Then log out and in again, or start a shell by: newgrp docker" \
        "and run this again."
}

start_engine() {
    engine_advice=()
    [[ -z ${DOCKER_HOST:-} ]] || fail "the engine at DOCKER_HOST=$DOCKER_HOST does not answer" "Start it there, or unset DOCKER_HOST."
    can_be_root || fail "the engine does not run" "Start it as root: systemctl start docker, or: service docker start"
    if [[ -d /run/systemd/system ]]; then
        say "starting the engine with systemctl"
        as_root systemctl enable --now docker >>"$log" 2>&1 || true
        wait_for_engine "$ENGINE_TIMEOUT_SECONDS" || engine_advice=("See: journalctl -u docker")
        return
    fi
    if [[ -x /etc/init.d/docker ]]; then
        say "starting the engine with service"
        as_root service docker start >>"$log" 2>&1 || true
        wait_for_engine 10 && return
    fi
    command -v dockerd >/dev/null || install_packages docker.io
    say "starting dockerd in the background, log in $DOCKERD_LOG"
    start_dockerd && return
    # Agents have no network; where the kernel or this container allows no firewall rules, CAM needs none.
    say "dockerd did not come up; trying without a bridge network, which CAM does not need"
    start_dockerd --bridge=none --iptables=false --ip6tables=false && return
    engine_advice=("The last lines of $DOCKERD_LOG:" "$(as_root tail -n 5 "$DOCKERD_LOG")")
}

# Detached, with nothing of ours open, so that whoever waits for this script's output does not wait for dockerd.
start_dockerd() {
    # shellcheck disable=SC2016 # expanded by the inner shell, which may be root's
    as_root sh -c 'log=$1; shift; setsid -f dockerd "$@" >>"$log" 2>&1 </dev/null' sh "$DOCKERD_LOG" "$@"
    wait_for_engine "$ENGINE_TIMEOUT_SECONDS"
}

# wait_for_engine SECONDS: returns 0 as soon as an engine is there, also one that only refuses this user.
wait_for_engine() {
    local end=$((SECONDS + $1))
    until engine_answers || refuses_this_user; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.3
    done
}
