"""Whatever a page shows in a block can be typed, applied or parsed as it stands there."""

from pathlib import Path

import pytest

from tests.docs.languages import wrong_in
from tests.docs.pages import PAGES, blocks_of, name
from tests.docs.programs import Reader


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_a_page_can_be_used_as_it_is(page: Path) -> None:
    reader = Reader()
    wrong = [one for block in blocks_of(page) for one in wrong_in(block, reader)]
    assert not wrong, "\n" + "\n".join(wrong)
