"""``metrics.csv`` taken up again."""

import pytest

from vaescope.errors import DataError
from vaescope.loggers import MetricsFile


def test_rows_up_to_the_step_are_kept_without_final_scores(tmp_path):
    (tmp_path / "metrics.csv").write_text(
        "step,seed,val/loss,test/mig\n1,0,2.5,\n2,0,,0.5\n3,0,1,\n"
    )
    file = MetricsFile(str(tmp_path))
    file.resume(2)
    assert file._rows == {(1, 0): {"val/loss": 2.5}, (2, 0): {}}


@pytest.mark.parametrize(
    "content",
    [
        b"step,seed\n1,\xff\n",
        b"step,seed\n1,one\n",
        b"step,seed\n1\n",
        b"step,loss\n1,2\n",
        b"step,seed\n1,0,7\n",
        b"step,seed\n\0\0\0\n",
    ],
)
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"metrics.csv is damaged .*; mend it, or move it away"):
        MetricsFile(str(tmp_path)).resume(2)
