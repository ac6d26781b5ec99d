import errno
import os
import threading

import pytest

from metrics_app.gateway import spool as spool_module
from metrics_app.gateway.spool import Spool, SpoolFile

WAIT_SECONDS = 5


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "usage"


def open_spool(folder):
    return Spool(folder, retry_seconds=0.01)


def read(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_lines_are_on_disk_when_their_futures_are_done(folder):
    spool = open_spool(folder)
    for number in range(50):
        spool.put(b"%d\n" % number).result(WAIT_SECONDS)
        assert read(folder).endswith(b"%d\n" % number)
    spool.close()
    assert read(folder) == b"".join(b"%d\n" % number for number in range(50))


def test_a_future_tells_where_its_line_ends(folder):
    spool = open_spool(folder)
    positions = [spool.put(b"line\n").result(WAIT_SECONDS) for _ in range(2)]
    spool.close()
    (path,) = folder.iterdir()
    assert positions == [(path.name, 5), (path.name, 10)]


def test_lines_put_by_many_threads_are_all_there_once(folder):
    spool = open_spool(folder)

    def put(name):
        for number in range(100):
            spool.put(b"%d-%d\n" % (name, number))

    threads = [threading.Thread(target=put, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    assert len(set(read(folder).splitlines())) == 500


def test_each_start_has_a_file_of_its_own(folder):
    for _ in range(3):
        spool = open_spool(folder)
        spool.put(b"line\n")
        spool.close()
    assert len(list(folder.iterdir())) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


@pytest.mark.parametrize(("limit", "value"), [("MAX_FILE_BYTES", 5), ("MAX_FILE_AGE_SECONDS", 0)])
def test_a_large_or_old_file_has_a_successor(folder, monkeypatch, limit, value):
    monkeypatch.setattr(spool_module, limit, value)
    spool = open_spool(folder)
    for _ in range(3):
        spool.put(b"123456\n").result(WAIT_SECONDS)
    spool.close()
    assert len(list(folder.iterdir())) == 3


def test_a_deleted_file_has_a_successor(folder):
    spool = open_spool(folder)
    spool.put(b"first\n").result(WAIT_SECONDS)
    (deleted,) = folder.iterdir()
    deleted.unlink()
    spool.put(b"second\n").result(WAIT_SECONDS)
    spool.close()
    assert read(folder) == b"second\n"


def fill_disk(monkeypatch, *, after_bytes):
    """Let `os.write` take that much and then fail, until the returned event is set."""
    has_room = threading.Event()
    left = [after_bytes]
    write = os.write

    def write_or_fail(descriptor, data):
        if has_room.is_set():
            return write(descriptor, data)
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data)[: left[0]]
        left[0] -= len(part)
        return write(descriptor, part)

    monkeypatch.setattr(spool_module.os, "write", write_or_fail)
    return has_room


def test_a_full_disk_delays_lines_and_tears_none(folder, monkeypatch):
    has_room = fill_disk(monkeypatch, after_bytes=9)
    spool = open_spool(folder)
    spool.put(b"first\n").result(WAIT_SECONDS)
    second = spool.put(b"second\n")
    with pytest.raises(TimeoutError):
        second.result(0.05)
    assert read(folder) == b"first\n"
    has_room.set()
    second.result(WAIT_SECONDS)
    spool.close()
    assert read(folder) == b"first\nsecond\n"


def test_a_spool_that_cannot_write_is_full_in_the_end(folder, monkeypatch):
    fill_disk(monkeypatch, after_bytes=0)
    monkeypatch.setattr(spool_module, "MAX_WAITING_LINES", 3)
    spool = open_spool(folder)
    assert not spool.is_full
    for _ in range(3):
        spool.put(b"line\n")
    assert spool.is_full
    spool.close(timeout_seconds=0.05)


def test_what_cannot_be_written_at_the_end_goes_to_the_log(folder, monkeypatch):
    told = []
    monkeypatch.setattr(
        spool_module.logger, "error", lambda text, *given: told.append(text % given)
    )
    fill_disk(monkeypatch, after_bytes=0)
    spool = open_spool(folder)
    spool.put(b'{"id": 1}\n')
    spool.close(timeout_seconds=0.05)
    assert told[-1] == 'usage line not written: {"id": 1}'


def test_a_folder_that_cannot_be_made_is_tried_again(folder):
    folder.write_text("in the way")
    spool = open_spool(folder)
    written = spool.put(b"line\n")
    with pytest.raises(TimeoutError):
        written.result(0.05)
    folder.unlink()
    written.result(WAIT_SECONDS)
    spool.close()


def test_names_sort_by_time(folder):
    files = [SpoolFile(folder) for _ in range(3)]
    for file in files:
        file.close()
    assert [file.path for file in files] == sorted(file.path for file in files)
