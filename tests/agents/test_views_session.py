"""Who is signed in, for a page that was open for long."""


def test_it_names_who_is_signed_in(client, alice):
    client.force_login(alice)
    response = client.get("/session/")
    assert response.json() == {"username": "alice"}
    assert "no-store" in response.headers["Cache-Control"]


def test_it_names_nobody_after_the_login_has_ended(client, alice):
    client.force_login(alice)
    client.logout()
    assert client.get("/session/").json() == {"username": ""}


def test_it_rejects_post(client, alice):
    client.force_login(alice)
    assert client.post("/session/").status_code == 405


def test_pages_know_whose_they_are(client, alice):
    client.force_login(alice)
    page = client.get("/").text
    assert 'data-username="alice"' in page
    assert 'id="session-notice"' in page
