import pytest

from agents.batching import KEPT_OF_OVERSIZED_BYTES, Batcher, FramedLine, LineFramer

T1, T2 = "2026-01-01T00:00:00.000000001Z", "2026-01-01T00:00:00.000000002Z"


def line(data=b"x"):
    return FramedLine("stdout", T1, data)


def test_framer_joins_frames_and_splits_lines():
    framer = LineFramer()
    assert framer.feed("stdout", T1, b"one\ntw") == [FramedLine("stdout", T1, b"one")]
    assert framer.has_open_line
    assert framer.feed("stdout", T2, b"o\n\r\nthree\r\n") == [
        FramedLine("stdout", T2, b"two"),
        FramedLine("stdout", T2, b"three"),
    ]
    assert not framer.has_open_line


def test_framer_keeps_streams_apart():
    framer = LineFramer()
    framer.feed("stdout", T1, b"half ")
    assert framer.feed("stderr", T1, b"warning\n") == [FramedLine("stderr", T1, b"warning")]
    assert framer.feed("stdout", T2, b"line\n") == [FramedLine("stdout", T2, b"half line")]


def test_framer_bounds_an_endless_line_and_goes_on():
    framer = LineFramer(max_line_bytes=100_000)
    for _ in range(1000):
        assert framer.feed("stdout", T1, b"y" * 16_384) == []
    ended = framer.feed("stdout", T2, b"\nnext\n")
    assert ended[0].data == b"y" * KEPT_OF_OVERSIZED_BYTES
    assert len(ended[0].data) + ended[0].dropped_bytes == 1000 * 16_384
    assert ended[1] == FramedLine("stdout", T2, b"next")


def test_framer_keeps_a_line_of_exactly_the_limit():
    framer = LineFramer(max_line_bytes=10)
    assert framer.feed("stdout", T1, b"0123456789\n")[0].dropped_bytes == 0
    assert framer.feed("stdout", T1, b"0123456789a\n")[0].dropped_bytes == 1


def test_framer_flush_gives_a_last_line_without_newline():
    framer = LineFramer()
    framer.feed("stdout", T1, b"the end")
    assert framer.flush() == [FramedLine("stdout", T1, b"the end")]
    assert framer.flush() == []


def test_first_line_after_a_silence_is_due_at_once():
    batcher = Batcher(interval_seconds=0.05)
    assert batcher.wait_seconds(now=10.0) is None
    batcher.add(line())
    assert batcher.wait_seconds(now=10.0) == 0.0


def test_next_batch_waits_for_the_interval_since_the_last():
    batcher = Batcher(interval_seconds=0.05)
    batcher.take(now=10.0)
    batcher.add(line())
    assert batcher.wait_seconds(now=10.04) == pytest.approx(0.01)
    assert batcher.wait_seconds(now=10.06) == 0.0


@pytest.mark.parametrize("limit", [{"max_lines": 2}, {"max_bytes": 2}])
def test_full_batch_is_due_at_once(limit):
    batcher = Batcher(**limit)
    batcher.take(now=0.0)
    batcher.add(line())
    assert batcher.wait_seconds(now=0.0) > 0
    batcher.add(line())
    assert batcher.wait_seconds(now=0.0) == 0.0
    assert len(batcher.take(now=0.0)) == 2
    assert batcher.wait_seconds(now=9.0) is None
