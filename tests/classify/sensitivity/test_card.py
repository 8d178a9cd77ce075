"""Cards are found however they are grouped; numbers that only look like one are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.classify.sensitivity.reading import each, found, luhn

digits = st.text("0123456789", min_size=14, max_size=14)


@given(st.sampled_from(["4{}", "5{}"]), digits, st.sampled_from(["", " ", "-"]))
def test_a_card_is_missed(form: str, rest: str, gap: str) -> None:  # M3.7
    number = luhn("51" + rest[1:] if form == "5{}" else form.format(rest))
    groups = [number[at : at + 4] for at in range(0, 16, 4)]
    assert "card" in found(f"please charge {gap.join(groups)}, thanks")


@each(
    "378282246310005", "3782 822463 10005", "3714-496353-98431", "30569309025904", "3056 930902 5904", "6011111111111117", "3530111333300000", "2223003122003222", "我的卡号是4111111111111111。",
    "card=4111111111111111&cvc=1", '{"card":"4111111111111111"}', "4111 1111 1111 1111 12/29 123", "card 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "４１１１　１１１１　１１１１　１１１１",
    "visa/4111111111111111", "/card/4111111111111111/x", "4111\u200b1111\u200b1111\u200b1111", "4111\u00a01111\u20111111-1111", "order 7, card: 4111111111111111",
)  # fmt: skip
def test_a_way_to_write_a_card_is_missed(text: str) -> None:  # M3.7
    assert "card" in found(text)


@given(st.sampled_from(["4", "51", "37", "62"]), digits, st.integers(1, 9))
def test_a_number_with_a_wrong_check_digit_is_taken_for_a_card(head: str, rest: str, off: int) -> None:
    body = (head + rest)[: 14 if head == "37" else 15]
    right = luhn(body)
    wrong = f"{body}{(int(right[-1]) + off) % 10}"
    assert "card" not in found(f"see {wrong} there")


@each(
    "0.4111111111111111", "4.111111111111111", "order 4111111111111111", "Order no. 4111111111111111", "tracking id: 4111111111111111", "订单号：4111111111111111",
    "https://host.test/events/4111111111111111/x", "a4111111111111111", "4111111111111111f", "row_4111111111111111", "1111 4111 1111 1111 1111 2222", "2024-4111-1111-1111-1111",
    "/4111111111111111", "runs/4111111111111111", "/4111111111111111/card", "1234567812345670", "4444444444444444", "41111111111111111111111",
)  # fmt: skip
def test_another_number_is_taken_for_a_card(text: str) -> None:
    assert "card" not in found(text)


@each(
    "card:\n4111\n1111\n1111\n1111\n", "Card number: 4111, 1111, 1111, 1111", "<td>visa: <b>4111</b><b>1111</b><b>1111</b><b>1111</b>",
    "<td>visa</td>: <b>4111</b><b>1111</b><b>1111</b><b>1111</b>", "<th>Mastercard</th><td>4111</td> <td>1111</td> <td>1111</td> <td>1111</td>",
    "<td>card number</td><td class='n'>4111</td><td class='n'>1111</td><td>1111</td><td>1111</td>", "card no = 4111_1111_1111_1111", "卡号：4111/1111/1111/1111，谢谢", "card: 4111\t1111\t1111\t1111",
)  # fmt: skip
def test_a_card_that_is_split_is_missed(text: str) -> None:  # M3.7
    assert "card" in found(text)


@each(
    "4111\n1111\n1111\n1111\n", "| 4111 | 1111 | 1111 | 1111 |", "card: 4111\n1111\n1111\n1112\n", "card: 4111 of 1111 and 1111 or 1111",
    "card: 4111\n1111\n1111\n1111\n1111", "cards\n4111, 1111, 1111, 1111, 2222, 3333, 4444",
)  # fmt: skip
def test_a_column_of_figures_is_taken_for_a_card(text: str) -> None:
    assert "card" not in found(text)
