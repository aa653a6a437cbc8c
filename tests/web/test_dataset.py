"""The viewer of a dataset: pictures in their cells, another split, paging to its end."""
from media import png, wav


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


def test_files_of_pictures_and_sounds_are_rows(tab, house):
    t = tab()
    for name, files in (("snaps", {f"train/{kind}/{i}.png": png(40 + i, 30) for kind in ("cat", "dog") for i in range(3)}),
                        ("tones", {"a long name of a sound.wav": wav(), "b.wav": wav(), "metadata.csv": b"file_name,said\nb.wav,hello\na long name of a sound.wav,again\n"})):
        t.server.create(f"ada/{name}", house, "dataset")
        t.server.commit(f"ada/{name}", house, files, kind="datasets")
    t.go("/datasets/ada/snaps")
    t.page.wait_for_selector("td img")
    assert "6 files" in t.page.inner_text(".files-head") and "6 rows" in t.page.inner_text(".files-head")
    t.page.click("text=All rows")
    t.page.wait_for_selector("text=Rows 1 to 6 of 6, 2 columns")
    widths = t.page.evaluate("Promise.all([...document.querySelectorAll('td img')].map(i => (i.loading = 'eager', i.decode().then(() => i.naturalWidth))))")
    assert widths == [40, 41, 42, 40, 41, 42]
    assert "cat 0" in t.page.inner_text("tbody tr:first-child") and "dog 1" in t.page.inner_text("tbody tr:last-child")
    t.go("/datasets/ada/tones/viewer")
    t.page.wait_for_selector("td audio")
    seconds = t.page.evaluate("Promise.all([...document.querySelectorAll('td audio')].map(a => new Promise((done, fail) => "
                              "{ a.onloadedmetadata = () => done(a.duration); a.onerror = fail; a.preload = 'metadata'; a.load(); })))")
    assert seconds == [0.25, 0.25]
    assert [x.strip().split(",")[0] for x in t.page.locator("tbody td:nth-child(2)").all_inner_texts()] == ["b.wav", "a long name of a sound.wav"]
    for name in ("snaps", "tones"):
        for width in (360, 1280):
            t.page.set_viewport_size({"width": width, "height": 800})
            t.go(f"/datasets/ada/{name}/viewer")
            assert t.page.evaluate("document.documentElement.scrollWidth") <= width
