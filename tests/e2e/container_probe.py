"""Runs inside of a container and prints one JSON object: name -> what the kernel answered.

    container_probe.py syscalls   every call of x86_64 once, with arguments that harm nobody
    container_probe.py attempts   what an agent must not be able to do, and what it must

An answer is "ok", the name of an errno, or "died".
"""

import ctypes
import errno
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable


def words(text: str) -> list[str]:
    return text.split()


# The names of the calls from number 0 and from number 424 (there are none between 335 and 423).
FIRST_CALLS = words(
    """
    read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction
    rt_sigprocmask rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select
    sched_yield mremap msync mincore madvise shmget shmat shmctl dup dup2 pause nanosleep
    getitimer alarm setitimer getpid sendfile socket connect accept sendto recvfrom sendmsg
    recvmsg shutdown bind listen getsockname getpeername socketpair setsockopt getsockopt clone
    fork vfork execve exit wait4 kill uname semget semop semctl shmdt msgget msgsnd msgrcv
    msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename
    mkdir rmdir creat link unlink symlink readlink chmod fchmod chown fchown lchown umask
    gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog getgid setuid setgid
    geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups
    setresuid getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset
    rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib
    personality ustat statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam
    sched_setscheduler sched_getscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval mlock munlock mlockall munlockall vhangup modify_ldt pivot_root
    _sysctl prctl arch_prctl adjtimex setrlimit chroot sync acct settimeofday mount umount2
    swapon swapoff reboot sethostname setdomainname iopl ioperm create_module init_module
    delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg afs_syscall
    tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr
    listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time futex
    sched_setaffinity sched_getaffinity set_thread_area io_setup io_destroy io_getevents
    io_submit io_cancel get_thread_area lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old
    remap_file_pages getdents64 set_tid_address restart_syscall semtimedop fadvise64
    timer_create timer_settime timer_gettime timer_getoverrun timer_delete clock_settime
    clock_gettime clock_getres clock_nanosleep exit_group epoll_wait epoll_ctl tgkill utimes
    vserver mbind set_mempolicy get_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive
    mq_notify mq_getsetattr kexec_load waitid add_key request_key keyctl ioprio_set ioprio_get
    inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat
    fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat
    faccessat pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range
    vmsplice move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate
    timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2
    inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init
    fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg
    setns getcpu process_vm_readv process_vm_writev kcmp finit_module sched_setattr
    sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load bpf execveat
    userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc
    pkey_free statx io_pgetevents rseq
"""
)
NEWER_CALLS = words(
    """
    pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount
    fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2
    process_madvise epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset
    landlock_add_rule landlock_restrict_self memfd_secret process_mrelease futex_waitv
    set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake futex_wait
    futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal
"""
)
NUMBERS = {name: number for number, name in enumerate(FIRST_CALLS)} | {
    name: number for number, name in enumerate(NEWER_CALLS, start=424)
}

HARMLESS = (-1, -1, -1, -1, -1, -1)
# Their arguments are filtered; "attempts" looks at those.
FILTERED_BY_ARGUMENT = {"clone", "socket", "ioctl"}
# futex answers ENOSYS to an operation that it does not know.
SPECIAL_ARGUMENTS = {"futex": (0, 0, 0, 0, 0, 0)}
PATIENCE_SECONDS = 1.5

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number: int, *arguments: int) -> int:
    """Make a system call; raises OSError as the os module does."""
    result = int(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments)))
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def raw_call(name: str, *arguments: int) -> Callable[[], object]:
    return lambda: call(NUMBERS[name], *arguments)


def in_child(attempt: Callable[[], object]) -> str:
    """Run it in a child of its own: it may hang, crash, or change the process it runs in."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            attempt()
            answer = "ok"
        except OSError as exc:
            answer = errno.errorcode.get(exc.errno or 0, str(exc))
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], PATIENCE_SECONDS)
    answer = os.read(reader, 100).decode() if ready else "hangs"
    os.close(reader)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return answer or "died"


def probe_calls() -> dict[str, str]:
    return {
        name: in_child(raw_call(name, *SPECIAL_ARGUMENTS.get(name, HARMLESS)))
        for name in NUMBERS
        if name not in FILTERED_BY_ARGUMENT
    }


CLONE_NEWUSER, SIGCHLD = 0x10000000, 17
TIOCSTI, FIONREAD = 0x5412, 0x541B


def write_file(path: str) -> Callable[[], object]:
    def attempt() -> None:
        with open(path, "w") as file:
            file.write("x")

    return attempt


def connect(family: int, kind: int, address: tuple[str, int]) -> Callable[[], object]:
    def attempt() -> None:
        with socket.socket(family, kind) as connection:
            connection.settimeout(0.2)
            connection.connect(address)
            connection.send(b"x")

    return attempt


def loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def clone(flags: int) -> Callable[[], object]:
    def attempt() -> None:
        if call(NUMBERS["clone"], flags | SIGCHLD, 0, 0, 0, 0) == 0:
            os._exit(0)

    return attempt


def enter_as_32_bit() -> None:
    """getpid by int 0x80: mov eax,20; int 0x80; ret."""
    import mmap

    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


def mount_tmpfs() -> None:
    if libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")


def terminal_request(request: int) -> Callable[[], object]:
    def attempt() -> None:
        _, slave = os.openpty()
        os.setsid()
        call(NUMBERS["ioctl"], slave, 0x540E, 0)  # TIOCSCTTY: only then does TIOCSTI apply
        buffer = ctypes.create_string_buffer(8)
        call(NUMBERS["ioctl"], slave, request, ctypes.addressof(buffer))

    return attempt


def setuid_files() -> None:
    """Raises EEXIST when there is one."""
    for folder, _, names in os.walk("/usr"):
        for name in names:
            if os.lstat(os.path.join(folder, name)).st_mode & 0o6000:
                raise OSError(errno.EEXIST, name)


def run_many_processes() -> None:
    children = []
    try:
        for _ in range(2000):
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
            children.append(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write to /": write_file("/x"),
    "write to /usr/local/bin": write_file("/usr/local/bin/x"),
    "write to /etc/claude-code": write_file("/etc/claude-code/x"),
    "write to /run/gateway": write_file("/run/gateway/x"),
    "mount": mount_tmpfs,
    "unshare": raw_call("unshare", CLONE_NEWUSER),
    "clone with a namespace": clone(CLONE_NEWUSER),
    "clone3": raw_call("clone3", 0, 0),
    "ptrace": raw_call("ptrace", 0, 0, 0, 0),
    "io_uring_setup": raw_call("io_uring_setup", 0, 0),
    "setuid": lambda: os.setuid(0),
    "chroot": lambda: os.chroot("/tmp"),
    "device node": lambda: os.mknod("/tmp/null", 0o020666, os.makedev(1, 3)),
    "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "vsock": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close(),
    "socket with high bits": raw_call("socket", 1 << 32 | socket.AF_UNIX, 1, 0),
    "audit netlink": raw_call("socket", 16, 3, 9),
    "TIOCSTI": terminal_request(TIOCSTI),
    "TIOCSTI with high bits": terminal_request(1 << 32 | TIOCSTI),
    "32-bit entry": enter_as_32_bit,
    "DNS": lambda: socket.getaddrinfo("example.com", 443),
    "TCP": connect(socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 443)),
    "metadata service": connect(socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)),
    "UDP": connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
    "ICMP": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "no setuid file": setuid_files,
    "write to /workspace": write_file("/workspace/x"),
    "write to home": write_file("/home/agent/x"),
    "write to /tmp": write_file("/tmp/x"),
    "loopback": loopback,
    "clone": clone(0),
    "unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "list interfaces": socket.if_nameindex,
    "terminal": terminal_request(FIONREAD),
    # Last: what it leaves dead counts until process 1 has reaped it.
    "2,000 processes": run_many_processes,
}


if __name__ == "__main__":
    if sys.argv[1] == "syscalls":
        print(json.dumps(probe_calls()))
    else:
        print(json.dumps({name: in_child(attempt) for name, attempt in ATTEMPTS.items()}))
