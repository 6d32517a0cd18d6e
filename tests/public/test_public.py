"""What users may rely on has not changed without a word: public.json is that word."""

import json

from . import listing

RENEW = "`python tests/public/listing.py` writes it anew, and CHANGELOG.md says what has changed"


def test_what_is_public_is_what_is_listed():
    expected = json.loads(listing.FILE.read_text(encoding="utf-8"))
    found = listing.listing()
    for part, listed in expected.items():
        assert found[part] == listed, RENEW
    assert found.keys() == expected.keys()


def test_the_page_names_every_public_module():
    page = listing.FILE.parents[2].joinpath("docs", "stability.md").read_text(encoding="utf-8")
    told = {module for module in listing.MODULES if f"`{module}`" in page}
    assert told == set(listing.MODULES)
