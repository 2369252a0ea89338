"""The API's small parts: names of files, lists of mistakes, addresses of Redis."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.doorbell import redis_client
from api.errors import ApiError
from api.files import content_disposition
from api.submission import MAX_MISTAKES, Entry, Mistakes, from_batch, from_ndjson, request_digest
from api.views import file_name
from shared.problems import Problem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("castle.jpg", "castle-j1.png"),
        ("Schloß am Meer.jpeg", "Schloß-am-Meer-j1.png"),
        ("../../etc/passwd", "etc-passwd-j1.png"),
        ("...", "picture-j1.png"),
        ("", "picture-j1.png"),
        ("梦" * 200, "梦" * 50 + "-j1.png"),
        ("a" + "ß" * 200, "a" + "ß" * 74 + "-j1.png"),
        ("v1.5 final version", "v1-5-final-version-j1.png"),
    ],
)
def test_files_are_named_after_what_people_called_them(name: str, expected: str) -> None:
    assert file_name(name, "j1", "jobs/j1/2/output.png") == expected


@given(st.text(max_size=300))
def test_no_name_leads_out_of_a_folder_or_a_header(name: str) -> None:
    file = file_name(name, "j1", "x.png")
    assert re.fullmatch(r"[\w-]{1,150}-j1\.png", file)
    assert len(file.encode()) <= 157
    header = content_disposition(file, attach=True)
    assert header.isascii()
    assert header.count('"') == 2
    assert unquote(header.partition("UTF-8''")[2]) in ("", file)


def test_mistakes_are_listed_in_the_jobs_order_and_counted() -> None:
    mistakes = Mistakes()
    assert not mistakes
    for place in (7, 3):
        mistakes.add(Entry({}, place, line=place), Problem("step", "is wrong"))
    error = mistakes.error()
    assert error.detail == "line 3, step: is wrong (and 1 more)"
    assert [mistake.line for mistake in error.errors] == [3, 7]
    for place in range(MAX_MISTAKES):
        mistakes.add(Entry({}, place), Problem("", "x"))
    assert len(mistakes.error().errors) == MAX_MISTAKES
    assert mistakes.error().errors_total == MAX_MISTAKES + 2


def test_lines_are_counted_as_editors_count_them() -> None:
    submission = from_ndjson(b'{"a": 1}\r\n\r\n  \n{"b": 2}', "two")
    assert [(entry.line, entry.data) for entry in submission.entries] == [(1, {"a": 1}), (4, {"b": 2})]
    assert submission.name == "two"


def test_a_batchs_jobs_keep_their_places() -> None:
    submission = from_batch({"name": "x", "jobs": [{"kind": "dream"}, 5]})
    assert [(entry.path, entry.data) for entry in submission.entries] == [("jobs.0", {"kind": "dream"}), ("jobs.1", 5)]
    with pytest.raises(ApiError, match="100,001"):
        from_batch({"jobs": [0] * 100_001})


def test_requests_differ_by_address_name_and_body() -> None:
    digests = {request_digest(*args) for args in (("/a", b"x"), ("/b", b"x"), ("/a", b"y"), ("/a", b"x", "n"))}
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("broker", "expected"),
    [
        ("redis+socket://:p%40ss@/tmp/a/redis.sock?virtual_host=0", {"path": "/tmp/a/redis.sock", "password": "p@ss"}),
        ("redis://:secret@farm:6380/2", {"host": "farm", "port": 6380, "password": "secret", "db": 2}),
    ],
)
def test_redis_is_asked_where_celery_finds_it(broker: str, expected: dict[str, object]) -> None:
    client = redis_client(broker)
    arguments = client.connection_pool.connection_kwargs
    assert {key: arguments[key] for key in expected} == expected
    assert arguments["socket_timeout"] <= 1
    client.close()


def test_other_brokers_are_not_asked() -> None:
    with pytest.raises(ValueError, match=r"scheme|Redis URL"):
        redis_client("amqp://localhost")
