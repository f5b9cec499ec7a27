"""Tables in text files as several programs write them, and those that cannot be read for sure."""

import numpy as np
import pytest

from vaescope.data.files.csv_files import csv_columns
from vaescope.data.files.missing_values import is_missing
from vaescope.errors import ConfigError, DataError

ROWS = [(row % 4, f"{row % 3}.5", ("red", "light blue")[row % 2]) for row in range(12)]
NAMES = ("x", "depth", "colour")


def written(tmp_path, content, name="f.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(separator=",", end="\n", last="", rows=ROWS, names=NAMES):
    lines = (separator.join(map(str, line)) + last for line in (names, *rows))
    return end.join(lines) + end


def require_the_rows(columns):
    assert tuple(columns) == NAMES
    assert [column.dtype.kind for column in columns.values()] == ["i", "f", "U"]
    read = [
        tuple(row) for row in zip(*(column.tolist() for column in columns.values()), strict=True)
    ]
    assert read == [(x, float(depth), colour) for x, depth, colour in ROWS]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("behind", [False, True])
def test_separators_and_line_ends(tmp_path, separator, end, behind):
    content = table(separator, end, separator if behind else "")
    require_the_rows(csv_columns(written(tmp_path, content)))


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + table().encode(),
        "# made by hand\n\n# on a Monday\n" + table(),
        "sep=;\n" + table(";"),
        '"sep=;"\r\n' + table(";", "\r\n"),
        "sep=\t\n" + table("\t"),
        table(end="\n\n"),
        table(";") + ";;\n;;\n",
        table() + "   \n\n",
        table(last=",,", names=(*NAMES[:-1], "colour")),
        table().replace("colour\n", "colour,\n"),
        table(" , "),
        table(",", rows=[(x, depth, f'"{colour}"') for x, depth, colour in ROWS]),
        table(",", names=[f'"{name}"' for name in NAMES]),
        table(";", rows=[(x, depth.replace(".", ","), colour) for x, depth, colour in ROWS]),
        table("\t", rows=[(x, depth.replace(".", ","), colour) for x, depth, colour in ROWS]),
    ],
)
def test_what_other_programs_write_is_read(tmp_path, content):
    require_the_rows(csv_columns(written(tmp_path, content)))


def test_quotes_keep_separators_and_lines_together(tmp_path):
    content = 'name,size\n"a, b",1\n"c\nd",2\n"say ""e""",3\n'
    columns = csv_columns(written(tmp_path, content))
    assert columns["name"].tolist() == ["a, b", "c\nd", 'say "e"']
    assert columns["size"].tolist() == [1, 2, 3]


def test_a_name_may_hold_another_separator(tmp_path):
    columns = csv_columns(written(tmp_path, "x (a, b);y (c, d)\n1;2\n3;4\n"))
    assert list(columns) == ["x (a, b)", "y (c, d)"]


def test_spaces_separate_numbers(tmp_path):
    columns = csv_columns(written(tmp_path, "x  y z\n1 2   -0.5\n3 4 1e3\n", "f.txt"))
    assert {name: column.tolist() for name, column in columns.items()} == {
        "x": [1, 3],
        "y": [2, 4],
        "z": [-0.5, 1000],
    }


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
@pytest.mark.parametrize("index", [range(12), range(1, 13), [9 - 3 * row for row in range(12)]])
def test_an_index_is_left_out_with_a_word(tmp_path, caplog, separator, name, index):
    rows = [(number, *row) for number, row in zip(index, ROWS, strict=True)]
    content = table(separator, rows=rows, names=(name, *NAMES))
    require_the_rows(csv_columns(written(tmp_path, content)))
    assert "its first column has no name and another value in every row" in caplog.text


def test_columns_without_name_and_values_are_passed_over(tmp_path):
    rows = [(x, "", depth, colour) for x, depth, colour in ROWS]
    require_the_rows(csv_columns(written(tmp_path, table(rows=rows, names=("x", "", *NAMES[1:])))))


def test_wanted_columns_come_in_their_order_and_others_may_have_gaps(tmp_path):
    columns = csv_columns(written(tmp_path, "a,b,c\n1,,x\n2,NA,y\n"), ["c", "a"])
    assert list(columns) == ["c", "a"]
    assert columns["a"].tolist() == [1, 2]


def test_text_stays_text_where_that_is_wanted(tmp_path):
    columns = csv_columns(written(tmp_path, "file,x\n001,1\n002,2\n"), text=("file",))
    assert columns["file"].tolist() == ["001", "002"]


@pytest.mark.parametrize("text", ["1_000", "0x1F", "12a"])
def test_only_plain_numbers_are_numbers(tmp_path, text):
    column = csv_columns(written(tmp_path, f"a\n{text}\n{text}b\n"))["a"]
    assert column.tolist() == [text, f"{text}b"]


def test_numbers_beyond_64_bits_are_floats(tmp_path):
    assert csv_columns(written(tmp_path, f"a\n{10**20}\n1\n"))["a"].dtype == np.float64


def test_a_few_words_among_numbers_are_warned_of(tmp_path, caplog):
    content = "a\n" + "".join(f"{row}\n" for row in range(30)) + "unclear\n"
    assert csv_columns(written(tmp_path, content))["a"].dtype.kind == "U"
    assert "column 'a' has numbers and 1 that are none, as 'unclear' in line 32" in caplog.text
    caplog.clear()
    csv_columns(written(tmp_path, "a\n1\n2\n2D\n3D\n"))
    assert not caplog.records


@pytest.mark.parametrize(
    "word",
    [
        "NA",
        "N/A",
        "nan",
        "NaN",
        "null",
        "NULL",
        "None",
        "?",
        "-",
        "",
        "missing",
        "#N/A",
        "#NA",
        "---",
        "—",
        "–",
        ".",
        "..",
        "*",
        "_",
        "-1.#IND",
        "1.#QNAN",
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_words_for_missing_values_are_refused_with_row_and_column(tmp_path, word, separator):
    assert is_missing(word)
    rows = [*ROWS[:5], (word, *ROWS[5][1:]), *ROWS[6:]]
    path = written(tmp_path, table(separator, rows=rows))
    with pytest.raises(DataError, match=r"column 'x' is '.*' in row 5 \(line 7\)"):
        csv_columns(path)


@pytest.mark.parametrize(
    "word", ["no", "nano", "0", "none at all", "north america", "-a", "+", "*1", "#"]
)
def test_other_words_are_values(word):
    assert not is_missing(word)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has to begin with a line of different column names"),
        ("\n# nothing\n\n", "has to begin with a line"),
        ("1,2\n3,4\n", "has to begin with a line of different column names, not of 1, 2"),
        ("# x,y\n1,2\n", "not of 1, 2"),
        ("x,x\n1,2\n", "has 2 columns 'x'"),
        ("x,,y\n1,2,3\n", "column 2 has no name"),
        (",x\n0,2\n0,3\n", "column 1 has no name"),
        ("x,y\n", "has the columns x, y and no line of values"),
        ("x,y\n1,2\n3\n", "line 3 has 1 values for the 2 columns x, y"),
        ("x,y\n1,2\n\n3,4,5\n", "line 4 has 3 values for the 2 columns x, y"),
        ("x,y\n1;2\n3;4\n", "line 2 has 1 values"),
        ("x;y\n1,2\n3,4\n", "line 2 has 1 values"),
        ("x\n0,5\n", "line 2 has 2 values for the 1 columns x"),
        ("x\n1;2\n3;4\n", "has one column 'x'; separate"),
        ("x:y\n1:2\n3:4\n", "has one column 'x:y'; separate"),
        ("x colour\n1 red\n3 blue\n", "seems to be separated by spaces"),
        ("x;a,y;b\n1;2,3;4\n", "may be separated by ',' and ';'"),
        ('x,y\n"1,2\n3,4\n', "cannot be read from line .*; check the quotes"),
        ('x\n"1,5"\n"2,5"\n', "'1,5' in line 2, which may be several numbers"),
        ("x;y\n1.234,5;1\n", "'1.234,5' in line 2, which may be several"),
        ("x;y\n1.5;1\n1,5;2\n", "'1,5' in line 3, which may be several"),
        ("x;y\n1 234;1\n", "'1 234' in line 2, which may be several"),
        ("x;y\n1\u00a0234;1\n", "which may be several"),
        ("x;y\n1\u202f234;1\n", "which may be several"),
        ("x\n\u22121\n\u22122\n", "'\u22121' in line 2, which may be several"),
        ("x\n\u0967\u0968\n3\n", "which may be several"),
        ("x\n5%\n6 %\n", "'5%' in line 2, which may be several"),
        ("x\n1d3\n2D-4\n", "'1d3' in line 2, which may be several"),
        (f"x\n{10**20}\n{10**20 + 1}\n", "more than 64 bits that differ"),
        ("| x | y |\n|---|---|\n| 1 | 2 |\n", "'---' in row 0"),
        ("x,y\n1,é\n".encode("latin-1"), "line 2 has the byte 0xe9, as text in latin-1"),
        ("x,y\n1,2\n".encode("utf-16"), "is UTF-16 text"),
        ("x,y\n1,2\n".encode("utf-16-be"), "is UTF-16 text"),
        ("x,y\n1,2\n".encode("utf-32"), "is UTF-32 text"),
        (b"PK\x03\x04rest", "perhaps an Excel workbook"),
        (b"x,y\n1,2\n" + bytes(range(9)) * 9, "is no text"),
    ],
)
def test_tables_that_cannot_be_read_for_sure_are_refused(tmp_path, content, message):
    path = written(tmp_path, content)
    with pytest.raises(DataError, match=message) as told:
        csv_columns(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a", "c"], "'c' was asked for, but .* the columns a, b"), (["a", "a"], "name each once")],
)
def test_wanted_columns_have_to_be_there_once(tmp_path, names, message):
    with pytest.raises(ConfigError, match=message):
        csv_columns(written(tmp_path, "a,b\n1,2\n"), names)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(DataError, match="there is no"):
        csv_columns(tmp_path / "none.csv")
