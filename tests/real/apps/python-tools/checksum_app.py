"""Checksums of some bytes."""

import binascii
import hashlib

from wit_world import exports
from wit_world.exports.checksums import Checks


class Checksums(exports.Checksums):
    """The interface `example:tools/checksums`."""

    def check(self, data: bytes) -> Checks:
        return Checks(crc32=binascii.crc32(data), sha256=hashlib.sha256(data).hexdigest())
