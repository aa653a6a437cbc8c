"""The viewer of a dataset: pictures in their cells, another split, paging to its end."""


def test_long_names_of_files_stay_in_the_window(tab, house):
    t = tab()
    t.server.create("ada/long-names", house, "dataset")
    t.server.commit("ada/long-names", house, {"n" * 150 + ".csv": "a,b\n1,2\n", "train.csv": "a,b\n1,2\n"}, kind="datasets")
    for width in (360, 1280):
        t.page.set_viewport_size({"width": width, "height": 800})
        t.go("/datasets/ada/long-names/viewer")
        assert t.page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_split_is_paged_and_its_pictures_are_seen(tab, house):
    t = tab()
    t.go("/datasets/ada/pictures")
    t.page.click("text=All rows")
    t.page.wait_for_selector("text=Rows 1 to 12 of 12, 5 columns")
    t.page.wait_for_function("[...document.querySelectorAll('td img')].length == 10 && "
                             "[...document.querySelectorAll('td img')].every(i => (i.scrollIntoView(), i.complete && i.naturalWidth == 12))")
    assert "positive 1" in t.page.inner_text("tbody tr:nth-child(2)") and "null" in t.page.inner_text("tbody tr:nth-child(4)")
    t.page.select_option("#split", label="test")
    t.page.press("#row", "Enter")
    t.page.wait_for_selector("text=Rows 1 to 50 of 330")
    for first in (51, 101, 151, 201, 251, 301):
        t.page.click(f"text=Rows from {first}")
        t.page.wait_for_selector(f"text=Rows {first} to {min(first + 49, 330)} of 330")
        assert t.page.inner_text("tbody tr:first-child td.number") == str(first - 1)
    assert t.page.query_selector("text=Rows from") is None
    t.page.click("text=Earlier rows")
    t.page.wait_for_selector("text=Rows 251 to 300 of 330")
