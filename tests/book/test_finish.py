"""What is done to Sphinx's pages, one step at a time."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from nvlinklab.book import BookError, excerpts, formulas, icons, policy, scripts, styles
from nvlinklab.book.finish import finish

LIBRARY = '{bars:[448,512,["navicon"],"f0c9","M0 96z"],"circle-half-stroke":[512,512,[9680,"adjust"],"f042","M448 256z"],}'


def test_an_icon_is_drawn_and_keeps_what_the_theme_looks_for() -> None:
    drawn = icons.draw('<i class="theme-switch fa-solid fa-circle-half-stroke fa-lg" data-mode="auto" title="System"></i>', LIBRARY)
    assert drawn == (
        '<svg class="nvl-icon theme-switch fa-lg" viewBox="0 0 512 512" aria-hidden="true" data-mode="auto"><path d="M448 256z"/></svg>'
    )
    assert "M0 96z" in icons.draw('<span class="fas fa-navicon"></span>', LIBRARY)
    assert icons.draw('<i class="fancy"></i>', LIBRARY) == '<i class="fancy"></i>'


def test_an_unknown_icon_is_named() -> None:
    with pytest.raises(BookError, match="none called 'rocket'"):
        icons.draw('<i class="fas fa-rocket"></i>', LIBRARY)


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        (".a{top:0}.b{top:1}", ".a{top:0}"),
        (".b, .a > p{top:0}", ".a > p{top:0}"),
        ("p{top:0}", "p{top:0}"),
        ("#b .a{top:0}", ""),
        (".a:not(.b){top:0}", ".a:not(.b){top:0}"),
        (":is(.a, .b) p{top:0}", ":is(.a, .b) p{top:0}"),
        ("@media (min-width: 9px){.b{top:0}}", ""),
        ("@media print{.a{top:0}.b{top:0}}", "@media print{.a{top:0}}"),
        ("@font-face{src:url(b.woff)}", "@font-face{src:url(b.woff)}"),
        ("@keyframes b{from{top:0}to{top:1px}}", "@keyframes b{from{top:0}to{top:1px}}"),
        ('.a{background:url("data:image/svg+xml;{},")}', '.a{background:url("data:image/svg+xml;{},")}'),
        ('.a::after{content:"}.b{"}', '.a::after{content:"}.b{"}'),
        ("/* .a{} */ .b{top:0}", ""),
        ('@charset "utf-8";.a{top:0}', '@charset "utf-8";.a{top:0}'),
    ],
)
def test_rules_that_cannot_match_are_left_out(css: str, kept: str) -> None:
    assert styles.Sheet(css).used({"a"}) == kept


@pytest.mark.parametrize(
    ("css", "left"),
    [
        ("p{--a:1;top:var(--a)}", "p{--a:1;top:var(--a)}"),
        ("p{--a:1;top:0}", "p{top:0}"),
        ("p{top:0;--a:1}", "p{top:0;}"),
        ("p{--a:var(--b);--b:var(--c)}", "p{}"),
        ("p{--kept:1}", "p{--kept:1}"),
        ('p{--a:url("data:image/svg+xml;{},");--b:";}";top:0}', "p{top:0}"),
        ("p{--a:calc(1px + (2 * var(--b)));--b:1;top:0}", "p{top:0}"),
        ("p{transition:--a 1s;top:var( --b )}q{--b:2}", "p{transition:--a 1s;top:var( --b )}q{--b:2}"),
    ],
)
def test_variables_that_nothing_asks_for_are_left_out(css: str, left: str) -> None:
    assert styles.lean(css, {"--kept"}) == left


def test_each_page_has_the_rules_it_can_use(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "theme.css").write_text(".first{top:1}.second{top:2}.made{top:3}.shown{top:4}p{--x:1}")
    (tmp_path / "_static" / "documentation_options.js").write_text("const DOCUMENTATION_OPTIONS = {};\n")
    (tmp_path / "_static" / "own.js").write_text('place.className = "made";\n')
    page = PAGE.replace("styles/theme.css", "theme.css").replace('<script src="{root}_static/tool.js"></script>', "")
    part = '<article class="nvl-excerpt" data-excerpts="some" data-name="it"><p class="shown">It</p></article>'
    fold = '<details class="nvl-fold" data-excerpts="some"><summary>S</summary><a href="two.html#it">It</a></details>'
    texts = {
        "one": f'<p class="first"></p>{fold}<script src="_static/own.js"></script>',
        "two": f'<p class="second"></p>{part}',
        "three": "",
    }
    for name, more in texts.items():
        (tmp_path / f"{name}.html").write_text(page.format(root="", name=name, more=more))
    finish(tmp_path)
    sheets = {name: re.findall(r"<style>(.*?)</style>", (tmp_path / f"{name}.html").read_text())[0] for name in texts}
    found = {name: set(re.findall(r"\.(first|second|made|shown)\b", sheet)) for name, sheet in sheets.items()}
    assert found == {"one": {"first", "made", "shown"}, "two": {"second", "shown"}, "three": set()}
    assert "--x" not in sheets["one"]
    assert 'data-excerpts="some.js?v=' in (tmp_path / "one.html").read_text()


def test_excerpts_become_scripts_with_a_name_that_changes_with_them(tmp_path: Path) -> None:
    part = '<article class="nvl-excerpt" data-excerpts="{file}" data-name="{name}">\n<p>{name} </p></article>'
    fold = '<details class="nvl-fold" data-excerpts="a">'
    names = set()
    for first in ("x", "y"):
        pages = {"deep/p.html": fold, "q.html": "".join(part.format(file=f, name=n) for f, n in [("a", first), ("b", "z"), ("a", "w")])}
        excerpts.write(tmp_path, pages)
        text = (tmp_path / "_static" / "excerpts" / "a.js").read_text()
        assert text == f'Object.assign(window.nvlExcerpts ??= {{}}, {{"{first}":"<p>{first} </p>","w":"<p>w </p>"}});\n'
        names |= set(re.findall(r'data-excerpts="(a\.js\?v=\w{8})"', pages["deep/p.html"]))
        assert excerpts.files(pages["deep/p.html"]) == ["_static/excerpts/a.js"]
    assert len(names) == 2


def test_a_fold_without_an_excerpt_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"p\.html shows excerpts of c, but no page has any; there are those of nothing"):
        excerpts.write(tmp_path, {"p.html": '<details class="nvl-fold" data-excerpts="c">'})


def test_scripts_complain_but_do_not_chat(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    said = 'a && console.log("x", f(1)); b ? (console.debug(`y`), go()) : 0; console.info("z")\nconsole.error("e"); console.warn("w")'
    (tmp_path / "_static" / "one.js").write_text(said)
    (_, address) = scripts.bundle(tmp_path, [scripts.Script("_static/one.js", "", "")])
    left = 'a && void("x", f(1)); b ? (void(`y`), go()) : 0; void("z")\nconsole.error("e"); console.warn("w")'
    assert left in (tmp_path / address.partition("?")[0]).read_text()


def test_a_script_asks_for_the_version_of_another_that_the_book_has(tmp_path: Path) -> None:
    (tmp_path / "_static" / "vendor").mkdir(parents=True)
    (tmp_path / "_static" / "vendor" / "other.js").write_text("other()")
    (tmp_path / "_static" / "one.js").write_text('nvlLoad("vendor/other.js"); nvlLoad(`charts/${name}.js`);')
    (_, address) = scripts.bundle(tmp_path, [scripts.Script("_static/one.js", "", "")])
    version = hashlib.sha256(b"other()").hexdigest()[:8]
    assert f'nvlLoad("vendor/other.js?v={version}"); nvlLoad(`charts/' in (tmp_path / address.partition("?")[0]).read_text()


def test_addresses_move_with_a_style_sheet() -> None:
    css = "url(../fonts/f.woff) url('x.svg') url(data:image/png;base64,AA) url(#mark)"
    assert styles.moved(css, "_static/styles", "_static") == (
        'url("fonts/f.woff") url("styles/x.svg") url(data:image/png;base64,AA) url(#mark)'
    )


def test_the_policy_names_the_one_program_of_a_page() -> None:
    text = f"<html><head></head><body><script>{scripts.THEME}</script><script type='application/json'>{{}}</script></body></html>"
    guarded = policy.guard(text, "a.html")
    digest = base64.b64encode(hashlib.sha256(scripts.THEME.encode()).digest()).decode()
    assert guarded.count("sha256-") == 1
    assert f"script-src 'self' 'sha256-{digest}';" in guarded


@pytest.mark.parametrize(
    "bad", ['<p style="top:0">', '<a href="#" onclick="go()">', "<style>p{}</style>", "<img src=a onerror='x()'>", '<p\nstyle="a">']
)
def test_what_the_policy_would_block_is_refused(bad: str) -> None:
    with pytest.raises(BookError, match=r"a\.html has (an event handler|a style) written into it"):
        policy.guard(f"<html><head></head><body>{bad}</body></html>", "a.html")


def test_words_about_styles_are_no_styles() -> None:
    text = '<html><head></head><pre>&lt;p style="top:0"&gt;</pre><script type="application/json">["<p style=\\"a\\">"]</script></html>'
    assert "Content-Security-Policy" in policy.guard(text, "a.html")


def test_formulas_are_set_with_words_for_readers() -> None:
    text = r'<span class="math notranslate nohighlight">\(a &lt; \tfrac12\)</span>'
    wanted = formulas.formulas(text)
    assert wanted == [(r"a < \tfrac12", False)]
    made = formulas.typeset(wanted)
    filled = formulas.fill(text, made)
    assert "<mjx-container" in filled
    assert "<mfrac><mn>1</mn><mn>2</mn></mfrac>" in filled
    assert "MathJax_Main-Regular.woff" in made.css


def test_a_wrong_formula_is_named() -> None:
    with pytest.raises(BookError, match=r"formula '.*nosuch.*' cannot be set: Undefined control sequence"):
        formulas.typeset([(r"\nosuch{x}", True)])


PAGE = """<!DOCTYPE html>
<html lang="en" data-content_root="{root}" data-theme="auto">
<head><meta charset="utf-8" /><title>T</title>
<script>document.documentElement.dataset.mode = localStorage.getItem("mode") || "auto";</script>
<link rel="stylesheet" type="text/css" href="{root}_static/styles/theme.css?digest=1" />
<script src="{root}_static/documentation_options.js?v=1"></script>
<script src="{root}_static/tool.js"></script>
<script>var selector = '.x';</script>
<script>DOCUMENTATION_OPTIONS.pagename = '{name}';</script>
</head><body><table><tr style="text-align: right;" class="z"><td style="width: 1%">1</td></tr></table>
<style>td {{ top: 0 }}</style>{more}</body></html>"""


def test_a_folder_is_finished(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    (static / "styles").mkdir(parents=True)
    (tmp_path / "book").mkdir()
    (static / "basic.css").write_text(".z{color:red}.never{top:0}")
    (static / "styles" / "theme.css").write_text('@import "../basic.css";\n.y{top:0}.z{src: url("f.woff")}')
    (static / "documentation_options.js").write_text("const DOCUMENTATION_OPTIONS = {};\n")
    (static / "tool.js").write_text("use(selector);\n//# sourceMappingURL=tool.js.map\n")
    (static / "tool.js.map").write_text("{}")
    (tmp_path / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=book/one.html" />\n')
    (tmp_path / "book" / "one.html").write_text(PAGE.format(root="../", name="book/one", more="<script>own()</script>"))
    (tmp_path / "two.html").write_text(PAGE.format(root="", name="two", more=""))
    finish(tmp_path)

    one, two = (tmp_path / "book" / "one.html").read_text(), (tmp_path / "two.html").read_text()
    assert one.count("<script") == 4  # the theme, the bundle's two, its own
    assert two.count("<script") == 3
    assert 'data-page="book/one"' in one
    code = "".join((static / f"book-{k}.js").read_text() for k in range(2))
    assert code.index("var selector") < code.index("use(selector)")
    assert "sourceMappingURL" not in code
    sheet, deeper = (re.findall(r"<style>(.*?)</style>", page, re.DOTALL) for page in (two, one))
    assert len(sheet) == len(deeper) == 1
    sheet, deeper = sheet[0], deeper[0]
    assert 'url("_static/styles/f.woff")' in sheet and 'url("../_static/styles/f.woff")' in deeper
    assert policy.digest(sheet) in two and policy.digest(deeper) in one
    assert ".z{color:red}" in sheet
    assert ".never" not in sheet
    assert ".y" not in sheet
    assert "{text-align: right}" in sheet
    assert "td{top: 0}" in sheet
    assert " style=" not in one + two
    assert 'url=book/one.html"' in (tmp_path / "index.html").read_text()
    assert 'url=../book/one.html"' in (tmp_path / "book" / "index.html").read_text()
    left = sorted(p.relative_to(tmp_path).as_posix() for p in static.rglob("*") if p.is_file())
    assert left[:2] == ["_static/book-0.js", "_static/book-1.js"]
    assert all(name.startswith("_static/inline/") for name in left[2:])
    assert len(left) == 3


def test_scripts_keep_their_order_in_files_of_a_bounded_size(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    sizes = [10, scripts.PIECE // 2, scripts.PIECE // 2, 2 * scripts.PIECE, 10, 10]
    parts = [scripts.Script(f"_static/{k}.js", "", "") for k in range(len(sizes))]
    parts.insert(3, scripts.Script("", "let a = 1;", ""))
    for k, size in enumerate(sizes):
        (tmp_path / "_static" / f"{k}.js").write_text(f"/*{k}*/" + "x" * size)
    made = [(tmp_path / address.partition("?")[0]).read_text() for address in scripts.bundle(tmp_path, parts)]
    assert made[0] == "let a = 1;\n;\n", "late scripts read the settings as they start"
    assert [re.findall(r"/\*(\d)\*/", text) for text in made[1:]] == [["0", "1"], ["2"], ["3"], ["4", "5"]]


def test_a_head_cell_without_words_is_no_heading_and_a_cell_of_one_paragraph_is_none(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    row = '<tr><th class="head"><p></p></th><th>\n</th><th><p>Time <b>s</b></p></th><th class="stub">a</th><td><p>1</p><p>2</p></td></tr>'
    (tmp_path / "two.html").write_text(PAGE.format(root="", name="two", more=row))
    finish(tmp_path)
    made = '<tr><td class="head"></td><td></td><th>Time <b>s</b></th><th class="stub">a</th><td><p>1</p><p>2</p></td></tr>'
    assert made in (tmp_path / "two.html").read_text()


def test_a_script_of_one_page_is_asked_for_anew_when_it_changes(tmp_path: Path) -> None:
    addresses = set()
    for content in ("first()", "second()", "second()"):
        (tmp_path / "_static").mkdir(exist_ok=True)
        (tmp_path / "book").mkdir(exist_ok=True)
        for name in ("documentation_options.js", "tool.js"):
            (tmp_path / "_static" / name).write_text("const DOCUMENTATION_OPTIONS = {};\n")
        (tmp_path / "_static" / "own.js").write_text(content)
        more = '<script defer="defer" src="../_static/own.js?v=0"></script><script src="https://example.org/far.js"></script>'
        (tmp_path / "book" / "one.html").write_text(PAGE.format(root="../", name="book/one", more=more))
        (tmp_path / "two.html").write_text(PAGE.format(root="", name="two", more=""))
        finish(tmp_path)
        page = (tmp_path / "book" / "one.html").read_text()
        assert 'src="https://example.org/far.js"' in page
        found = re.findall(r'src="\.\./_static/own\.js\?v=([0-9a-f]{8})"', page)
        assert found == [hashlib.sha256(content.encode()).hexdigest()[:8]]
        addresses |= set(found)
    assert len(addresses) == 2
