"""Files that are all there or not there, and working space that goes to a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.blobs import MemoryScratch, Scratch
from packaging_kit.errors import NotFoundError, StoreError, UnavailableError
from packaging_kit.stores.atomic import AtomicFile, write_file
from packaging_kit.stores.files import io_errors, iter_plain, make_folder, plain_size
from packaging_kit.stores.locks import TEMPORARY_PREFIX
from packaging_kit.stores.scratch import FileScratch, private_copy


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_has_no_name_until_it_is_published(tmp_path: Path) -> None:
    with AtomicFile(tmp_path) as file:
        file.write(b"content")
        during = _names(tmp_path)
        file.publish(tmp_path / "final")

    assert (len(during), during[0].startswith(TEMPORARY_PREFIX), _names(tmp_path)) == (1, True, ["final"])
    assert (tmp_path / "final").read_bytes() == b"content"


def test_file_that_is_not_published_leaves_nothing(tmp_path: Path) -> None:
    with AtomicFile(tmp_path) as file:
        file.write(b"content")

    assert _names(tmp_path) == []


def test_existing_file_is_replaced_only_where_that_was_asked_for(tmp_path: Path) -> None:
    write_file(tmp_path / "file", b"before")

    with pytest.raises(StoreError) as error:
        write_file(tmp_path / "file", b"after", replace=False)

    assert (error.value.code, (tmp_path / "file").read_bytes(), _names(tmp_path)) == (
        "output-exists",
        b"before",
        ["file"],
    )


def test_link_in_the_way_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "file").symlink_to(tmp_path / "precious")
    write_file(tmp_path / "file", b"new")

    assert ((tmp_path / "precious").read_bytes(), (tmp_path / "file").is_symlink()) == (b"precious", False)


def test_dangling_link_in_the_way_is_something_that_exists(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to(tmp_path / "missing")

    with pytest.raises(StoreError) as error:
        write_file(tmp_path / "file", b"new", replace=False)

    assert (error.value.code, _names(tmp_path)) == ("output-exists", ["file"])


def test_folder_that_is_not_there_is_an_io_error(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as error:
        write_file(tmp_path / "missing" / "file", b"")

    assert error.value.code == "io-error"


def test_folder_in_the_way_is_an_io_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file" / "inside").mkdir(parents=True)

    with pytest.raises(UnavailableError) as error:
        write_file(tmp_path / "file", b"")

    assert (error.value.code, _names(tmp_path)) == ("io-error", ["file"])


def test_folder_is_made_with_what_it_stands_in(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")

    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_file_where_a_folder_should_be_made_is_an_io_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")

    with pytest.raises(UnavailableError) as error:
        make_folder(tmp_path / "a" / "b")

    assert error.value.code == "io-error"


def test_error_of_the_operating_system_is_translated_with_its_cause() -> None:
    with pytest.raises(UnavailableError) as error, io_errors(Path("some/file")):
        raise PermissionError(13, "Permission denied")

    assert (str(error.value), type(error.value.__cause__)) == ("`some/file`: permission denied", PermissionError)


def test_plain_file_is_read_in_pieces(tmp_path: Path) -> None:
    data = os.urandom((2 << 20) + 5)
    (tmp_path / "file").write_bytes(data)
    pieces = list(iter_plain(tmp_path / "file"))

    assert (b"".join(pieces), plain_size(tmp_path / "file"), max(map(len, pieces)) <= 1 << 20) == (
        data,
        len(data),
        True,
    )


@pytest.mark.parametrize(("start", "end"), [(0, 0), (1, 3), (3, 1), (5, None), (9, 20), (20, None)])
def test_range_of_a_plain_file_is_a_slice(start: int, end: int | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")

    assert b"".join(iter_plain(tmp_path / "file", start, end)) == b"0123456789"[start:end]


def test_file_below_a_file_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(NotFoundError) as error:
        plain_size(tmp_path / "file" / "below")

    assert error.value.code == "not-found"


def test_reading_a_pipe_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(StoreError) as error:
        list(iter_plain(tmp_path / "pipe"))

    assert error.value.code == "layout-invalid"


def _fill(scratch: Scratch, pieces: list[bytes]) -> list[int]:
    return [scratch.append(piece) for piece in pieces]


@given(st.lists(st.binary(max_size=30), max_size=8), st.integers(0, 60), st.data())
def test_scratch_gives_back_any_range_wherever_it_holds_it(
    pieces: list[bytes], memory: int, data: st.DataObject
) -> None:
    whole = b"".join(pieces)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    in_file, in_memory = FileScratch(Path(tempfile.gettempdir()), memory), MemoryScratch()

    positions = _fill(in_file, pieces), _fill(in_memory, pieces)

    assert positions[0] == positions[1]
    assert bytes(in_file.view(start, end)) == bytes(in_memory.view(start, end)) == whole[start:end]


def test_view_of_a_scratch_stays_when_more_is_put_into_it(tmp_path: Path) -> None:
    scratch = FileScratch(tmp_path, memory=4)
    scratch.append(b"first")
    view = scratch.view(0, 5)
    scratch.append(b"second" * 10_000)

    assert (bytes(view), bytes(scratch.view(0, 11))) == (b"first", b"firstsecond")


def test_file_of_a_scratch_has_no_name(tmp_path: Path) -> None:
    scratch = FileScratch(tmp_path, memory=0)
    scratch.append(b"secret")

    assert (bytes(scratch.view(0, 6)), _names(tmp_path)) == (b"secret", [])


def test_scratch_without_a_folder_is_an_io_error(tmp_path: Path) -> None:
    scratch = FileScratch(tmp_path / "missing", memory=0)

    with pytest.raises(UnavailableError) as error:
        scratch.append(b"x")

    assert error.value.code == "io-error"


@pytest.mark.parametrize("size", [0, 1, (16 << 20) + 1], ids=["nothing", "a byte", "more than stays in memory"])
def test_private_copy_is_a_view_of_the_same_bytes(size: int, tmp_path: Path) -> None:
    view = private_copy((bytes([7]) * part for part in (size // 2, size - size // 2)), tmp_path)

    assert view == bytes([7]) * size
