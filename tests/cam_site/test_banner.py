import pytest


@pytest.mark.parametrize(
    "path", ["/", "/agents/new/", "/metrics/", "/account/", "/admin/", "/nothing/"]
)
def test_every_page_says_that_it_is_a_demo(admin_client, settings, path):
    settings.CAM_DEMO_MODE = True
    assert "Demo: the model is a script" in admin_client.get(path).content.decode()
    settings.CAM_DEMO_MODE = False
    assert "Demo:" not in admin_client.get(path).content.decode()


def test_login_page_says_it_too(client, db, settings):
    settings.CAM_DEMO_MODE = True
    assert "Demo: the model" in client.get("/accounts/login/").content.decode()
