"""Rewards and balances through the deployed API: its role allows what its routes need."""

JSON = {"Content-Type": "application/json"}


def test_a_reward_lives_its_life_through_the_api(service):
    # Requests of a client of the original system: Basic authentication, its paths, its bodies.
    asked = {"type": "CREDIT", "unit": "POINT", "assignedCredit": 100}
    made = service.call("POST", "/rewards/account/solo/user/ann", asked, **JSON)
    assert made.status == 201, made.body
    reward = made.json["id"]
    debit = {"accountId": "solo", "unit": "POINT", "amount": 30}
    headers = {**JSON, "Idempotency-Key": "order 1"}
    first = service.call("POST", "/credit/bulkredeem", debit, **headers)
    again = service.call("POST", "/credit/bulkredeem", debit, **headers)
    assert (first.status, first.json["creditAvailable"]) == (200, 70)
    assert (again.status, again.body) == (first.status, first.body)
    one = service.call("POST", f"/credit/{reward}/redeem", {"amount": 20, "unit": "POINT"}, **JSON)
    assert one.json == {"creditRedeemed": 20, "creditAvailable": 50, "unit": "POINT", "decimals": 0}
    cancelled = service.call("POST", f"/reward/{reward}/cancel")
    assert (cancelled.status, cancelled.json["statuses"]) == (200, ["CANCELLED"])
    assert service.call("GET", f"/reward/{reward}").json == cancelled.json
    assert service.call("GET", "/reward?accountId=solo&userId=ann").json == [cancelled.json]
    (balance,) = service.call("GET", "/reward/balance?accountId=solo").json
    assert (balance["totalRedeemedCredit"], balance["totalCancelledCredit"]) == (50, 50)
    units = {each["unit"]: each["decimals"] for each in service.call("GET", "/units").json}
    assert units["POINT"] == 0
