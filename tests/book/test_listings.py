"""Listings keep their text and their colours with fewer elements."""

import re

from nvlinklab.book.listings import lighter, plain

CSS = """
html[data-theme="light"] .highlight .hll { background-color: #fae4c2 }
html[data-theme="light"] .highlight { background: #fefefe; color: #080808 }
html[data-theme="light"] .highlight .n { color: #080808 } /* Name */
html[data-theme="light"] .highlight .w { color: #080808; font-weight: bold } /* Text.Whitespace */
html[data-theme="light"] .highlight .o { color: #080808 } /* Operator */
html[data-theme="dark"] .highlight { background: #2b2b2b; color: #F8F8F2 }
html[data-theme="dark"] .highlight .n { color: #f8f8f2 } /* Name */
html[data-theme="dark"] .highlight .o { color: #ABE338 } /* Operator */
"""


def test_a_token_is_plain_where_every_theme_draws_it_like_the_text() -> None:
    assert plain(CSS) == {"n"}, "w is bold, o has a colour of its own in the dark"
    assert plain(CSS.replace('"dark"] .highlight .n', '"dark"] .highlight .nn')) == frozenset()
    assert plain("") == frozenset()


def test_a_page_keeps_its_words_and_what_is_no_listing() -> None:
    code = '<span></span><span class="n">a</span><span class="o">&lt;</span><span class="o">=</span> <span class="n">b</span>'
    page = f'<span class="n">x</span><div class="highlight"><pre id="c">{code}</pre></div><span class="n">y</span>'
    made = lighter(page, frozenset({"n"}))
    assert made == (
        '<span class="n">x</span><div class="highlight"><pre id="c"><span></span>a<span class="o">&lt;=</span> b</pre></div>'
        '<span class="n">y</span>'
    )
    assert re.sub("<[^>]*>", "", made) == re.sub("<[^>]*>", "", page)
