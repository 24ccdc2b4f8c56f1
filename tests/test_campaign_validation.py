"""A slice of the campaign `validation`."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from packaging_kit.digest import Digest
from packaging_kit.validate.upload import validate_upload
from tests.campaign import validation
from tests.campaign.uploads import Blobs, Upload, change, choose, corpus, rename


def test_mutated_upload_gives_a_report_or_a_typed_error_soon_and_in_little_memory(tmp_path: Path) -> None:
    (outcome,) = validation.run(20261129, full=False, folder=tmp_path)

    assert outcome.tried == validation.MUTATIONS_OF_A_SLICE


def test_case_is_the_same_whenever_it_is_made_from_its_number() -> None:
    assert [validation.make_case(1, number) for number in range(50)] == [
        validation.make_case(1, number) for number in range(50)
    ]


@pytest.mark.parametrize("upload", corpus()[0], ids=lambda upload: upload.name)
def test_upload_whose_blob_is_renamed_has_no_other_digest_or_size_than_its_documents_say(upload: Upload) -> None:
    codes = set()
    for digest, data in upload.blobs.items():
        renamed = rename(upload, digest, data + b" ")
        report = validate_upload(renamed.top, renamed.media_type, Blobs(renamed.blobs), referrers=renamed.referrers)
        codes |= {problem.code for problem in report.problems}

    assert codes
    assert not codes & {"digest-mismatch", "size-mismatch", "not-found"}


def test_half_of_the_changed_uploads_name_what_they_hold() -> None:
    random = Random(1)
    uploads = [upload for upload in (change(random, choose(random)) for _ in range(400)) if upload.blobs]
    honest = sum(all(Digest.of(data).value == name for name, data in upload.blobs.items()) for upload in uploads)

    assert 0.3 < honest / len(uploads) < 0.9
