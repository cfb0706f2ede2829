"""PBXs and secrets, as the environment has them."""

from __future__ import annotations

import pytest

from hotline.settings import Address, Manager


def test_a_pbxs_name_may_have_a_hyphen():
    (pbx,) = Manager.parse_list("pbx-1=hotline:hush@10.0.0.1:5038")
    assert (pbx.name, pbx.address) == ("pbx-1", Address("10.0.0.1", 5038))


@pytest.mark.parametrize(
    ("written", "secret"),
    [("p%40ss%2Cw%25rd", "p@ss,w%rd"), ("a:b=c/d", "a:b=c/d"), ("50%off", "50%off"), ("pass%C3%A9", "passé")],
)
def test_a_secret_may_have_every_visible_sign(written: str, secret: str):
    first, second = Manager.parse_list(f"pbx1=us%3Aer:{written}@10.0.0.1:5038,pbx2=hotline:x@10.0.0.2:5038")
    assert (first.user, first.secret, second.secret) == ("us:er", secret, "x")


@pytest.mark.parametrize("name", ["pbx.1", "p" * 33, "", "pbx 1", "callback_1"])
def test_what_a_pbxs_name_may_have_is_told_and_the_secret_is_not(name: str):
    with pytest.raises(ValueError, match="up to 32 letters, digits, - and _") as refused:
        Manager.parse_list(f"{name}=hotline:hush@10.0.0.1:5038")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("hidden", ["%0D%0AAction: Originate", "%00", "%1B"])
def test_a_secret_has_no_control_characters(hidden: str):
    with pytest.raises(ValueError, match="not understood"):
        Manager.parse_list(f"pbx1=hotline:hush{hidden}@10.0.0.1:5038")
