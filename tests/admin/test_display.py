"""How values are shown: bodies, masks, ids, durations."""

from datetime import timedelta

import pytest

from connector.admin.display import identifier, moment, offset, readable_body
from connector.masking import masked


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("ab", "••••"),
        ("abcdef", "••••"),
        ("abcdefg", "ab••••fg"),
        ("+573001112233", "+5••••33"),
    ],
)
def test_masked(value, shown):
    assert shown == masked(value)


@pytest.mark.parametrize(
    "body",
    [
        '{"addressTo": "+573001112233"}',
        '{"ADDRESSTO":573001112233}',
        '{"address\\u0054o": "+573001112233"}',
        '{"detail": {"to": "+573001112233", "x": 1}}',
        '{"externalId": "+573001112233", "cut off',
        '{"externalId": "+5730011122',
        "echoed: +573001112233",
        "see https://lynn.example.com/?who=%2B573001112233",
        "nobody is called 573001112233",
        r'{"body": "{\"to\": \"+573001112233\", \"cut',
    ],
)
def test_the_customers_address_is_hidden_in_a_body(body):
    assert "3001112" not in readable_body(body, external_id="+573001112233", hide=True)


@pytest.mark.parametrize(
    "body",
    [
        '{"to": ["+579998887766", {"id": "+579998887766"}]}',
        '{"from": {"id": "+579998887766", "number": 579998887766}}',
        '{"detail": [{"ani": "tel:+579998887766"}]}',
        '{"to": ["+579998887766", cut off',
        r'{"body": "{\"to\": \"+579998887766\"}"}',
        r'{"body": "{\\\"to\\\": \\\"+579998887766\\\"}", cut off',
    ],
)
def test_whatever_json_calls_an_address_is_hidden(body):
    assert "9998887" not in readable_body(body, external_id="", hide=True)


def test_what_surrounds_an_address_stays():
    shown = readable_body('{"to": "a\\"b-123456", "id": "c-1", "x": {"from": null}}', hide=True)

    assert '"id": "c-1"' in shown
    assert '"from": null' in shown
    assert "123456" not in shown


def test_a_body_that_is_nested_too_deep_is_shown_as_it_is():
    body = "[" * 950 + "]" * 950

    assert readable_body(body, hide=True).replace(" ", "").replace("\n", "") == body


def test_an_address_that_json_spells_otherwise_is_hidden_too():
    told = '{"error": "no such user: mar\\u00eda-123456", "cut'

    assert "a-1234" not in readable_body(told, external_id="maría-123456", hide=True)


def test_a_body_is_laid_out_and_otherwise_unchanged():
    assert readable_body('{"to":null}', hide=True) == '{\n  "to": null\n}'
    assert readable_body('{"to":"Mar\\u00eda"}', hide=False) == '{\n  "to": "María"\n}'
    assert readable_body("[" * 100_000, hide=False) == "[" * 100_000


@pytest.mark.parametrize(
    ("span", "shown"),
    [(2, "+2"), (7.64, "+7.6"), (-0.3, "−0.3"), (0, "+0"), (130, "+130"), (259_200, "+259,200")],
)
def test_offset(span, shown):
    assert shown == offset(timedelta(seconds=span))


def test_small_words():
    assert moment(None) == "—"
    assert identifier("") == "—"
