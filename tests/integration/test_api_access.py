"""Who may do what: keys, roles, sessions, and whose work is whose."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import select, update

from shared.store import sign_ins
from shared.store.keys import digest, ensure_local_key
from shared.store.session import now
from shared.store.tables import SignIn
from tests.integration.conftest import RunningApi
from tests.integration.test_api_assets import problem
from tests.integration.test_api_submission import DREAM


def test_nothing_is_told_without_a_key_but_health_and_documents(one_api: RunningApi) -> None:
    nobody = one_api.anyone()
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/"):
        assert nobody.get(path).status_code == 200, path
    document = nobody.get("/openapi.json").json()
    closed = {p for p in document["paths"] if p.startswith("/v1/")}
    assert len(closed) > 20
    for path, operations in document["paths"].items():
        for method in operations:
            if path not in closed or (path, method) == ("/v1/session", "delete"):
                continue
            answer = nobody.request(method, path.format_map(_Filled()))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.headers["content-type"] == "application/problem+json"
    problem(one_api.anyone({"Authorization": "Bearer df_wrong"}).get("/v1/jobs"), 401)


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "cancel" if key == "action" else "1"


def test_roles_allow_what_they_say(one_api: RunningApi) -> None:
    viewer, submitter = one_api.client("ada", "viewer"), one_api.client("ada")
    job = submitter.post("/v1/jobs", json=DREAM).json()["id"]
    assert viewer.get(f"/v1/jobs/{job}").status_code == 200
    assert viewer.post("/v1/plan", json=DREAM).status_code == 200
    assert "submitter" in problem(viewer.post("/v1/jobs", json=DREAM), 403)
    problem(viewer.post(f"/v1/jobs/{job}/cancel"), 403)
    problem(viewer.patch(f"/v1/jobs/{job}", json={"priority": 1}), 403)
    problem(viewer.delete(f"/v1/jobs/{job}"), 403)
    problem(viewer.post(f"/v1/jobs/{job}/restore"), 403)
    assert "admin" in problem(submitter.get("/v1/keys"), 403)


def test_people_see_and_touch_only_their_own_work(api: RunningApi) -> None:
    ada, bob, admin = api.client("ada"), api.client("bob"), api.client("root", "admin")
    batch = ada.post("/v1/batches", json={"jobs": [DREAM, DREAM]}).json()
    job = batch["job_ids"][0]
    jobs = [f"/v1/jobs/{job}{rest}" for rest in ("", "/frames", "/frames/latest", "/output", "/manifest", "/log")]
    batches = [f"/v1/batches/{batch['id']}{rest}" for rest in ("", "/outputs.zip", "/contact-sheet")]
    for path in [*jobs, *batches, f"/v1/events?batch={batch['id']}", f"/v1/events?job={job}"]:
        assert "there is no" in problem(bob.get(path), 404), path
    for path in (f"/v1/jobs/{job}/cancel", f"/v1/batches/{batch['id']}/cancel"):
        problem(bob.post(path), 404)
    problem(bob.patch(f"/v1/batches/{batch['id']}", json={"priority": 0}), 404)
    for path in (f"/v1/jobs/{job}", f"/v1/batches/{batch['id']}"):
        problem(bob.delete(path), 404)
        problem(bob.post(f"{path}/restore"), 404)
    problem(bob.get(f"/v1/jobs?batch={batch['id']}"), 404)
    assert bob.get("/v1/jobs").json()["items"] == []
    assert bob.get("/v1/batches").json()["items"] == []

    assert len(admin.get("/v1/jobs").json()["items"]) == 2
    assert admin.post(f"/v1/batches/{batch['id']}/cancel").json()["changed"] == 2
    assert ada.get(f"/v1/jobs/{job}").json()["reason"] == "cancelled by root"


def test_keys_are_made_shown_once_and_closed(api: RunningApi) -> None:
    admin = api.client("root", "admin")
    made = admin.post(
        "/v1/keys", json={"owner": "cy", "role": "viewer", "label": "laptop"}, headers={"Idempotency-Key": "k"}
    )
    assert made.status_code == 201
    key = made.json()["key"]
    cy = api.anyone({"Authorization": f"Bearer {key}"})
    assert cy.get("/v1/session").json() == {"owner": "cy", "role": "viewer"}

    listed = admin.get("/v1/keys")
    assert key not in listed.text
    assert [k["label"] for k in listed.json() if k["owner"] == "cy"] == ["laptop"]
    again = admin.post(
        "/v1/keys", json={"owner": "cy", "role": "viewer", "label": "laptop"}, headers={"Idempotency-Key": "k"}
    )
    assert made.json()["id"] in problem(again, 409)

    assert admin.delete(f"/v1/keys/{made.json()['id']}").status_code == 204
    assert admin.delete(f"/v1/keys/{made.json()['id']}").status_code == 204
    for nobodys in ("k0000", "a%00b", "%ED%A0%80", "k-1"):
        problem(admin.delete(f"/v1/keys/{nobodys}"), 404)
    assert "label: it contains the character NUL" in problem(
        admin.post("/v1/keys", json={"owner": "a", "label": "lap\0top"}), 422
    )
    problem(cy.get("/v1/session"), 401)
    problem(admin.post("/v1/keys", json={"owner": "a b", "role": "king"}), 422)


def test_of_equal_requests_at_the_same_moment_one_makes_a_key(api: RunningApi) -> None:
    admins = [api.client("root", "admin") for _ in range(4)]
    together = threading.Barrier(len(admins))

    def make(admin: httpx.Client, label: str) -> httpx.Response:
        together.wait(20)
        wanted = {"owner": "cy", "label": label}
        return admin.post("/v1/keys", json=wanted, headers={"Idempotency-Key": label})

    for attempt in range(8):
        with ThreadPoolExecutor() as pool:
            answers = sorted(pool.map(make, admins, [f"k{attempt}"] * 4), key=lambda answer: answer.status_code)
        assert answers[0].status_code == 201, answers[0].text
        for answer in answers[1:]:
            assert answers[0].json()["id"] in problem(answer, 409)
    assert len([key for key in admins[0].get("/v1/keys").json() if key["owner"] == "cy"]) == 8


def test_a_browser_trades_the_key_for_a_cookie_that_other_sites_cannot_use(one_api: RunningApi) -> None:
    with_key = one_api.client("ada")
    opened = with_key.post("/v1/session")
    cookie = opened.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()

    browser = httpx.Client(base_url=one_api.url, cookies=dict(opened.cookies))
    try:
        assert browser.get("/v1/jobs").status_code == 200
        assert "X-Dreamfarm" in problem(browser.post("/v1/jobs", json=DREAM), 403)
        assert browser.post("/v1/jobs", json=DREAM, headers={"X-Dreamfarm": "1"}).status_code == 202
        gone = browser.delete("/v1/session", headers={"X-Dreamfarm": "1"})
        assert gone.status_code == 204
        name = cookie.partition("=")[0]
        assert gone.headers["set-cookie"].startswith(f'{name}="";')
    finally:
        browser.close()


def test_a_cookie_holds_no_key_and_opens_as_a_cookie_only(one_api: RunningApi) -> None:
    with_key = one_api.client("ada")
    ((name, token),) = with_key.post("/v1/session").cookies.items()
    key = with_key.headers["Authorization"].partition(" ")[2]
    assert token not in key
    assert key not in token
    assert "not signed in" in problem(one_api.anyone({"Cookie": f"{name}={key}"}).get("/v1/session"), 401)
    problem(one_api.anyone({"Authorization": f"Bearer {token}"}).get("/v1/session"), 401)
    # Nor does a cookie make another one.
    by_cookie = one_api.anyone({"Cookie": f"{name}={token}", "X-Dreamfarm": "1"}).post("/v1/session")
    assert by_cookie.json()["owner"] == "ada"
    assert "set-cookie" not in by_cookie.headers


def test_a_copied_cookie_ends_with_signing_out_its_time_or_its_key(api: RunningApi) -> None:
    """Given three signed-in browsers whose cookies somebody copied, the copies close with them, and only with them."""
    admin = api.client("root", "admin")
    made = [admin.post("/v1/keys", json={"owner": "ada"}).json() for _ in range(2)]
    with_keys = [api.anyone({"Authorization": f"Bearer {key['key']}"}) for key in made]
    # Each as a browser that was signed in by nobody before.
    cookies = [
        client.post("/v1/session", headers={"Cookie": ""}).headers["Set-Cookie"].partition(";")[0]
        for client in (*with_keys, with_keys[1])
    ]
    signed_out, of_a_revoked_key, over = (api.anyone({"Cookie": cookie}) for cookie in cookies)

    assert signed_out.delete("/v1/session").status_code == 204
    assert "not signed in" in problem(signed_out.get("/v1/jobs"), 401)
    assert of_a_revoked_key.get("/v1/jobs").status_code == 200
    assert with_keys[0].get("/v1/jobs").status_code == 200

    with api.store.write() as session:
        session.execute(
            update(SignIn).where(SignIn.digest == digest(cookies[2].partition("=")[2])).values(expires_at=now() - 1),
            execution_options={"synchronize_session": False},
        )
    problem(over.get("/v1/jobs"), 401)
    assert of_a_revoked_key.get("/v1/jobs").status_code == 200
    with api.store.write() as session:
        sign_ins.forget(session)
        assert len(session.scalars(select(SignIn)).all()) == 1

    admin.delete(f"/v1/keys/{made[1]['id']}")
    problem(of_a_revoked_key.get("/v1/jobs"), 401)
    with api.store.write() as session:
        sign_ins.forget(session)
        assert session.scalars(select(SignIn)).all() == []


def test_signing_in_again_closes_what_the_browser_had_before(api: RunningApi) -> None:
    """Given a browser that ada and then eve signed in, a copy of ada's cookie opens nothing any more."""
    ada, eve = api.client("ada"), api.client("eve")
    before = ada.post("/v1/session").headers["Set-Cookie"].partition(";")[0]
    copied, elsewhere = api.anyone({"Cookie": before}), api.anyone()
    elsewhere.cookies.update(ada.post("/v1/session", headers={"Cookie": ""}).cookies)
    assert copied.get("/v1/session").json()["owner"] == "ada"

    after = eve.post("/v1/session", headers={"Cookie": before}).headers["Set-Cookie"].partition(";")[0]
    problem(copied.get("/v1/session"), 401)
    assert api.anyone({"Cookie": after}).get("/v1/session").json()["owner"] == "eve"
    assert elsewhere.get("/v1/session").json()["owner"] == "ada", "her other browser"


def test_a_key_keeps_so_many_browsers_signed_in(api: RunningApi) -> None:
    """Given a program that signs in again and again, and forgets its cookies, only the newest open anything."""
    ada, eve = api.client("ada"), api.client("eve")

    def browser(client: httpx.Client) -> httpx.Client:
        cookie = client.post("/v1/session", headers={"Cookie": ""}).headers["Set-Cookie"]
        return api.anyone({"Cookie": cookie.partition(";")[0]})

    another, browsers = browser(eve), [browser(ada) for _ in range(52)]
    assert [one.get("/v1/session").status_code for one in browsers] == [401] * 2 + [200] * 50
    assert another.get("/v1/session").is_success


def test_farms_on_different_ports_of_a_host_do_not_sign_each_other_out(one_api: RunningApi) -> None:
    """Given a browser, whose cookies know no ports, and two farms on one host, it is signed in to both."""
    other = RunningApi(one_api.settings, one_api.store)
    try:
        with httpx.Client() as browser:
            for farm, owner in ((one_api, "ada"), (other, "bert")):
                browser.cookies.update(farm.client(owner).post("/v1/session").cookies)
            for farm, owner in ((one_api, "ada"), (other, "bert")):
                assert browser.get(f"{farm.url}/v1/session").json()["owner"] == owner
            gone = browser.delete(f"{other.url}/v1/session")
            assert gone.status_code == 204
            assert browser.get(f"{other.url}/v1/session").status_code == 401
            assert browser.get(f"{one_api.url}/v1/session").json()["owner"] == "ada"
    finally:
        other.close()


@pytest.mark.parametrize(("host", "end"), [("farm.example", ""), ("[::1]:80", "_80"), ("[::1]", ""), ("farm:odd", "")])
def test_the_cookies_name_has_the_port_that_the_browser_sees(one_api: RunningApi, host: str, end: str) -> None:
    opened = one_api.client("ada").post("/v1/session", headers={"Host": host})
    assert opened.headers["set-cookie"].startswith(f"dreamfarm_session{end}=dfs_")


@pytest.mark.parametrize(
    ("proxies", "trusted"),
    [("127.0.0.1,::1", True), ("10.0.0.0/8, 127.0.0.0/8", True), ("*", True), ("10.1.2.3", False)],
)
def test_behind_a_proxy_with_tls_the_cookie_is_kept_to_it(one_api: RunningApi, proxies: str, trusted: bool) -> None:
    """Given a proxy that says that its people came by HTTPS, it is believed if it is one of the farm's."""
    behind = RunningApi(one_api.settings.model_copy(update={"trusted_proxies": proxies}), one_api.store)
    try:
        client = behind.client("ada")
        cookie = client.post("/v1/session", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]
        assert ("secure" in cookie.lower()) == trusted
        assert "secure" not in client.post("/v1/session").headers["set-cookie"].lower()
    finally:
        behind.close()


def test_the_local_key_is_kept_private_and_made_once(one_api: RunningApi) -> None:
    key = ensure_local_key(one_api.store, one_api.settings)
    path = one_api.settings.data / "key"
    assert path.read_text().strip() == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_local_key(one_api.store, one_api.settings) == key
    local = one_api.anyone({"Authorization": f"Bearer {key}"})
    assert local.get("/v1/session").json()["role"] == "admin"

    path.write_text("df_old\n")
    assert ensure_local_key(one_api.store, one_api.settings) not in (key, "df_old")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_load_nothing_from_elsewhere(one_api: RunningApi, path: str) -> None:
    page = one_api.anyone().get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy or "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert 'src="http' not in page.text
    assert 'href="http' not in page.text
