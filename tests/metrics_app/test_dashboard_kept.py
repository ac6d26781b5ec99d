from metrics_app.dashboard.kept import Kept


def test_what_was_put_longest_ago_goes_first():
    kept = Kept(max_size=2)
    for key in ("a", "b", "a", "c"):
        kept.put(key, key.upper())
    assert [kept.get(key) for key in ("a", "b", "c")] == ["A", None, "C"]


def test_sizes_count_and_a_replaced_value_frees_its_own():
    kept = Kept(max_size=10)
    kept.put("a", 1, size=6)
    kept.put("a", 2, size=4)
    kept.put("b", 3, size=6)
    assert (kept.get("a"), kept.get("b")) == (2, 3)
    kept.put("c", 4, size=1)
    assert (kept.get("a"), kept.get("b")) == (None, 3)


def test_what_is_larger_than_all_is_not_kept():
    kept = Kept(max_size=3)
    kept.put("a", 1, size=4)
    assert kept.get("a") is None


def test_cleared_it_has_nothing_and_room_for_all():
    kept = Kept(max_size=1)
    kept.put("a", 1)
    kept.clear()
    kept.put("b", 2)
    assert (kept.get("a"), kept.get("b")) == (None, 2)
