# Runs git on a workspace, in a container that holds nothing else of the host. The workspace is hostile: its configuration
# may name programs that git starts. They find no network, no key and no other folder here.
#
# Usage: sh -c "$(cat workspace_git.sh)" sh ACTION [ARGUMENT...]
# CAM_MOUNTED is the folder that the engine mounted, CAM_IDENTITY what `stat -c %d:%i` has to say of it, CAM_FOLDER the work
# tree in it. Whatever was done, how the work tree is afterwards goes to stdout, in parts that agents.git_tree reads; what
# went wrong goes to stderr.
set -u

export GIT_CONFIG_COUNT=5 \
    GIT_CONFIG_KEY_0=core.fsmonitor GIT_CONFIG_VALUE_0=false \
    GIT_CONFIG_KEY_1=core.hooksPath GIT_CONFIG_VALUE_1=/dev/null \
    GIT_CONFIG_KEY_2=core.quotePath GIT_CONFIG_VALUE_2=false \
    GIT_CONFIG_KEY_3=commit.gpgSign GIT_CONFIG_VALUE_3=false \
    GIT_CONFIG_KEY_4=safe.directory GIT_CONFIG_VALUE_4='*' \
    GIT_CEILING_DIRECTORIES="${CAM_FOLDER%/*}" GIT_LITERAL_PATHSPECS=1 GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0

DIFF="diff --no-color --no-ext-diff --no-textconv --no-renames --src-prefix=a/ --dst-prefix=b/"
MAX_STATUS_BYTES=500000
MAX_PATCH_BYTES=400000
MAX_NEW_FILES=30

say() { printf '%s\n' "$1" >&2; }

fail() {
    say "$1"
    exit 1
}

# How the work tree is

show() {
    git status --porcelain=v2 --branch -z --no-renames --untracked-files=all | head -c $MAX_STATUS_BYTES
    next
    uncommitted | head -c $MAX_PATCH_BYTES
    next
    commits
    next
    [ "$CAM_FOLDER" = "$CAM_MOUNTED" ] || git $DIFF "$(fork)" HEAD -- | head -c $MAX_PATCH_BYTES
}

next() { printf '\0next\0'; }

uncommitted() {
    git $DIFF "$(git rev-parse -q --verify HEAD || git hash-object -t tree /dev/null)" --
    git ls-files -z --others --exclude-standard | head -z -n $MAX_NEW_FILES |
        xargs -0 -r -n 1 git $DIFF --no-index -- /dev/null
}

# Of a work tree of its own what its branch has gained, of a repository the latest.
commits() {
    git rev-parse -q --verify HEAD >/dev/null || return
    if [ "$CAM_FOLDER" = "$CAM_MOUNTED" ]; then set -- HEAD; else set -- "$(fork)..HEAD"; fi
    git log --max-count=10 --format='%h%x00%an%x00%aI%x00%s%x00' "$@" --
}

# Where the branch of a work tree of its own left the repository's.
fork() { git merge-base HEAD "$(git -C "$CAM_MOUNTED" rev-parse HEAD)"; }

# What can be done

commit() {
    message=$1
    shift
    git add --all -- "$@" && git commit --quiet --no-verify --only --message="$message" -- "$@"
}

discard() {
    for path do
        if git cat-file -e "HEAD:$path" 2>/dev/null; then
            git restore --source=HEAD --staged --worktree -- "$path" || return
        else
            git rm --quiet --force --ignore-unmatch -- "$path" && git clean --quiet --force -- "$path" || return
        fi
    done
}

# Arguments: a folder beneath this repository that does not exist yet, and a branch.
add_worktree() {
    [ ! -e "$1/.git" ] || return 0
    if ! git rev-parse -q --verify HEAD >/dev/null; then
        say "The repository has no commit yet that a branch could begin at."
        return 1
    fi
    mkdir -p .git/info
    grep -qxF /.cam/ .git/info/exclude 2>/dev/null || echo /.cam/ >>.git/info/exclude
    git worktree add --quiet -b "$2" "$1" HEAD && git worktree lock "$1"
}

# Argument: the branch of the work tree, which goes into that of the repository.
merge() {
    if [ -n "$(git status --porcelain)" ]; then
        say "There are changes that are not committed. Commit or discard them first."
        return 1
    fi
    git -C "$CAM_MOUNTED" merge --quiet --no-ff --no-edit --no-verify "$1" >/dev/null && return
    conflicts=$(git -C "$CAM_MOUNTED" $DIFF --name-only --diff-filter=U)
    [ -z "$conflicts" ] || say "Both sides changed these; nothing was merged: $conflicts"
    git -C "$CAM_MOUNTED" merge --abort 2>/dev/null
    return 1
}

# Argument: the branch of the work tree; both go.
remove_worktree() {
    cd "$CAM_MOUNTED" || return
    git worktree unlock "$CAM_FOLDER" 2>/dev/null
    git worktree remove --force "$CAM_FOLDER" 2>/dev/null || rm -rf "$CAM_FOLDER" || return
    git worktree prune
    git branch --quiet -D -- "$1"
}

cd "$CAM_MOUNTED" && [ "$(stat -c %d:%i .)" = "$CAM_IDENTITY" ] || fail "The folder was replaced by another one. Try again."
if [ "$CAM_FOLDER" != "$CAM_MOUNTED" ]; then
    # An agent has its work tree elsewhere than the host, and git notes where it saw it last.
    git worktree repair "$CAM_FOLDER" >/dev/null 2>&1
fi
cd "$CAM_FOLDER" || fail "The folder is gone."
[ -e .git ] || fail "There is no git repository in this folder."

action=$1
shift
code=0
case $action in
look) ;;
commit) commit "$@" || code=$? ;;
discard) discard "$@" || code=$? ;;
add) add_worktree "$@" || code=$? ;;
merge) merge "$@" || code=$? ;;
remove) remove_worktree "$@"; exit ;;
*) fail "There is no action $action." ;;
esac
show
exit $code
