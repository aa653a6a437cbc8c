"""Buckets in a browser: one is made, filled, looked at, found and deleted; the keyboard is enough, and so is a browser without scripts."""
from test_pages import sign_in


def test_a_bucket_from_its_form_to_its_end(tab, house, tmp_path):
    t = tab(java_script_enabled=False)
    sign_in(t)
    p = t.page
    t.go("/buckets/new")
    p.fill("#name", "first-bucket")
    p.get_by_label("You, or the owner's members").check()
    p.get_by_role("button", name="Create bucket").click()
    p.wait_for_url("**/buckets/ada/first-bucket")
    assert "private" in p.inner_text("h1") and "Nothing is in this bucket yet" in p.inner_text("main")

    (tmp_path / "hello.txt").write_text("hello, bucket\n")
    (tmp_path / "wörter & <b>.txt").write_text("odd\n")
    p.get_by_role("link", name="Upload files").first.click()
    p.set_input_files("input[type=file]", [tmp_path / "hello.txt", tmp_path / "wörter & <b>.txt"])
    p.get_by_role("button", name="Upload").click()
    p.wait_for_url("**/buckets/ada/first-bucket")
    assert p.locator(".file-name").all_inner_texts() == ["hello.txt", "wörter & <b>.txt"] and "2 files" in p.inner_text(".bucket-facts")
    p.get_by_role("link", name="wörter & <b>.txt", exact=True).click()
    assert "odd" in p.inner_text(".source") and "wörter & <b>.txt" in p.inner_text(".crumbs")
    with p.expect_download() as got:
        p.get_by_role("link", name="Download", exact=True).click()
    assert got.value.suggested_filename.endswith(".txt")
    p.get_by_text("Delete this file").click()
    p.get_by_role("button", name="Delete it").click()
    p.wait_for_url("**/buckets/ada/first-bucket")
    assert p.locator(".file-name").all_inner_texts() == ["hello.txt"]

    p.get_by_role("link", name="Settings", exact=True).last.click()
    p.fill("#confirm", "first-bucket")
    p.get_by_role("button", name="Delete this bucket").click()
    assert "Nothing was deleted" in p.inner_text("[role=alert]")
    p.fill("#confirm", "ada/first-bucket")
    p.get_by_role("button", name="Delete this bucket").click()
    p.wait_for_url("**/ada?tab=buckets")
    names = p.locator(".card .name").all_inner_texts()
    assert "ada/logs" in names and "ada/first-bucket" not in names
    t.said.clear()  # the refusal was no 200, as the browser says


def test_buckets_are_walked_by_the_keyboard_and_found(tab, house):
    t = tab()
    t.go("/buckets/ada/logs")
    p = t.page
    seen = []
    for _ in range(40):
        p.keyboard.press("Tab")
        seen.append(p.evaluate("document.activeElement.textContent.trim().slice(0, 24)"))
    assert {"runs", "notes.md", "loss.csv", "Python"} <= set(seen) and seen.index("runs") < seen.index("loss.csv") < seen.index("Python")
    p.focus("text=runs")
    p.keyboard.press("Enter")
    p.wait_for_url("**/buckets/ada/logs/tree/runs")
    p.keyboard.press("/")
    p.keyboard.type("log")
    p.get_by_role("option", name="ada/logs", exact=True).wait_for()
    p.get_by_role("option", name="ada/logs", exact=True).click()
    p.wait_for_url("**/buckets/ada/logs")
