"""The exceptions that every layer raises, each with a stable code and a place.

```
PackagingKitError
├── WasmFormatError        a binary that the canonical split or a reader of it refuses   (offset)
├── SkeletonError          a skeleton that is not canonical or would grow too large      (offset, digest)
├── ContentError           bytes that are not what a digest or a size says               (expected, actual)
├── NotFoundError          a blob, a tag or a file that is not there
├── DocumentError          an OCI document that can't be used                            (json_path)
├── StoreError             a place that can't take or give what was asked
├── RequestError           what the caller asked for is unclear or contradicts itself
└── UnavailableError       the work could not be done: I/O, a missing engine             (cause)
    └── RegistryError      a registry that refuses, fails or can't be reached            (answer)
```

`docs/errors.md` lists every code. A code is never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass


class PackagingKitError(Exception):
    """Base of all errors of this library.

    Attributes:
        code: stable, kebab-case; scripts may rely on it.
        message: one sentence, lower case, no final period.
        hint: what the user can do about it, where there is something.
        subject: the input that it is about, where an operation has several.
        side: `source` or `destination`, where an operation has both.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.subject: str | None = None
        self.side: str | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # What an exception does by itself would call the class with the message alone.
        return _restore, (type(self), self.args), self.__dict__

    def place(self) -> str | None:
        """Where it was found, as text for people: an offset, a JSON path, a digest."""
        return None

    def details(self) -> dict[str, str | int]:
        """The place as data: what the JSON form of the error adds to code and message."""
        return {}

    def __str__(self) -> str:
        place = self.place()
        return f"{self.message} ({place})" if place else self.message


def _restore(error: type[PackagingKitError], args: tuple[object, ...]) -> PackagingKitError:
    return error.__new__(error, *args)


class WasmFormatError(PackagingKitError):
    """A binary that is not well framed, or not of a kind or size that is taken.

    Attributes:
        offset: absolute position, in bytes, in the outermost input.
    """

    def __init__(self, code: str, message: str, *, offset: int, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.offset = offset

    def place(self) -> str:
        return f"at offset {self.offset:#x}"

    def details(self) -> dict[str, str | int]:
        return {"offset": self.offset}


class SkeletonError(PackagingKitError):
    """A skeleton that no explode would have written, or whose whole is over a limit.

    Attributes:
        digest: the skeleton's, as `sha256:…`.
        offset: position in the skeleton, in bytes; `None` where it has none.
    """

    def __init__(self, code: str, message: str, *, digest: str, offset: int | None = None) -> None:
        super().__init__(code, message)
        self.digest = digest
        self.offset = offset

    def place(self) -> str:
        return f"in {self.digest}" if self.offset is None else f"at offset {self.offset:#x} in {self.digest}"

    def details(self) -> dict[str, str | int]:
        place: dict[str, str | int] = {"digest": self.digest}
        return place if self.offset is None else place | {"offset": self.offset}


class ContentError(PackagingKitError):
    """Content that is not what its digest (`digest-mismatch`) or size (`size-mismatch`) says."""

    def __init__(
        self, code: str, message: str, *, expected: str | int, actual: str | int, digest: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.expected = expected
        self.actual = actual
        self.digest = digest

    def place(self) -> str:
        return f"expected {self.expected}, got {self.actual}"

    def details(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {"expected": self.expected, "actual": self.actual}
        return found if self.digest is None else found | {"digest": self.digest}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a registry said to one request.

    Attributes:
        method: of the request.
        path: of the request, without the query, which may hold secrets.
        status: of the answer; `None` where none came.
        registry_codes: from the error document that came with it (distribution-spec, "Error Codes").
    """

    method: str
    path: str
    status: int | None = None
    registry_codes: tuple[str, ...] = ()

    def __str__(self) -> str:
        status = "" if self.status is None else f": {self.status}"
        return f"{self.method} {self.path}{status}{''.join(f' {code}' for code in self.registry_codes)}"

    def details(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {"method": self.method, "path": self.path}
        if self.status is not None:
            found["status"] = self.status
        if self.registry_codes:
            found["registry_codes"] = ",".join(self.registry_codes)
        return found


class NotFoundError(PackagingKitError):
    """Something named by a digest, a tag or a path is not there (`not-found`, `fragment-missing`).

    Attributes:
        answer: of the registry that does not have it; `None` where no registry was asked.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None, answer: Answer | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.answer = answer

    def place(self) -> str | None:
        return None if self.answer is None else str(self.answer)

    def details(self) -> dict[str, str | int]:
        return {} if self.answer is None else self.answer.details()


class DocumentError(PackagingKitError):
    """A manifest, index, config or layout file that can't be used.

    Attributes:
        json_path: the field, as `manifests[3].digest`; empty for the document itself.
    """

    def __init__(self, code: str, message: str, *, json_path: str = "", hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.json_path = json_path

    def place(self) -> str | None:
        return f"at `{self.json_path}`" if self.json_path else None

    def details(self) -> dict[str, str | int]:
        return {"json_path": self.json_path} if self.json_path else {}


class StoreError(PackagingKitError):
    """A place that can't take or give what was asked (`layout-invalid`, `tag-exists`, `output-exists`)."""


class RequestError(PackagingKitError):
    """What the caller asked for is unclear or contradicts itself (`place-unclear`, `tag-invalid`)."""


class UnavailableError(PackagingKitError):
    """The work could not be done: an I/O error (`io-error`), a missing engine (`engine-missing`)."""


class RegistryError(UnavailableError):
    """A registry that refuses (`registry-denied`), fails (`registry-failed`) or can't be reached.

    Attributes:
        answer: what it said, and to what.
    """

    def __init__(self, code: str, message: str, *, answer: Answer, hint: str | None = None) -> None:
        super().__init__(code, message, hint=hint)
        self.answer = answer

    def place(self) -> str:
        return str(self.answer)

    def details(self) -> dict[str, str | int]:
        return self.answer.details()
