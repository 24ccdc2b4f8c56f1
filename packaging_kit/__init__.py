"""Takes WebAssembly components apart into content-addressed fragments, and puts them back byte for byte.

What this module exports is the public interface. Names are resolved when first used, so that
`import packaging_kit` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging_kit.artifact.pack import Form as Form
    from packaging_kit.blobs import Blob as Blob
    from packaging_kit.blobs import BlobSink as BlobSink
    from packaging_kit.blobs import BlobSource as BlobSource
    from packaging_kit.blobs import Scratch as Scratch
    from packaging_kit.digest import Digest as Digest
    from packaging_kit.engines.choice import EngineChoice as EngineChoice
    from packaging_kit.engines.choice import choose_engine as choose_engine
    from packaging_kit.engines.wasm_tools import WasmToolsEngine as WasmToolsEngine
    from packaging_kit.engines.wasmtime import WasmtimeEngine as WasmtimeEngine
    from packaging_kit.errors import ContentError as ContentError
    from packaging_kit.errors import DocumentError as DocumentError
    from packaging_kit.errors import NotFoundError as NotFoundError
    from packaging_kit.errors import PackagingKitError as PackagingKitError
    from packaging_kit.errors import RegistryError as RegistryError
    from packaging_kit.errors import RequestError as RequestError
    from packaging_kit.errors import SkeletonError as SkeletonError
    from packaging_kit.errors import StoreError as StoreError
    from packaging_kit.errors import UnavailableError as UnavailableError
    from packaging_kit.errors import WasmFormatError as WasmFormatError
    from packaging_kit.fragments.explode import explode as explode
    from packaging_kit.fragments.explode import explode_chunks as explode_chunks
    from packaging_kit.fragments.exploded import Exploded as Exploded
    from packaging_kit.fragments.exploded import Fragment as Fragment
    from packaging_kit.fragments.exploded import FragmentKind as FragmentKind
    from packaging_kit.fragments.plan import spans as spans
    from packaging_kit.fragments.reassemble import reassemble as reassemble
    from packaging_kit.fragments.spans import Span as Span
    from packaging_kit.fragments.spans import SpanKind as SpanKind
    from packaging_kit.fragments.whole import Whole as Whole
    from packaging_kit.fragments.whole import open_whole as open_whole
    from packaging_kit.oci.descriptor import Descriptor as Descriptor
    from packaging_kit.oci.reference import Reference as Reference
    from packaging_kit.oci.repository import DocumentSource as DocumentSource
    from packaging_kit.operations.convert import Converted as Converted
    from packaging_kit.operations.convert import convert as convert
    from packaging_kit.operations.copy import copy as copy
    from packaging_kit.operations.diff import Diff as Diff
    from packaging_kit.operations.diff import diff as diff
    from packaging_kit.operations.gc import Swept as Swept
    from packaging_kit.operations.gc import gc as gc
    from packaging_kit.operations.inputs import Input as Input
    from packaging_kit.operations.outputs import Output as Output
    from packaging_kit.operations.pack import PackOptions as PackOptions
    from packaging_kit.operations.pack import PackResult as PackResult
    from packaging_kit.operations.pack import pack as pack
    from packaging_kit.operations.places import ArchivePlace as ArchivePlace
    from packaging_kit.operations.places import LayoutPlace as LayoutPlace
    from packaging_kit.operations.places import RegistryPlace as RegistryPlace
    from packaging_kit.operations.push import push as push
    from packaging_kit.operations.settings import Settings as Settings
    from packaging_kit.operations.stats import Sharing as Sharing
    from packaging_kit.operations.stats import stats as stats
    from packaging_kit.operations.unpack import unpack as unpack
    from packaging_kit.operations.untag import untag as untag
    from packaging_kit.operations.validate import ValidateOptions as ValidateOptions
    from packaging_kit.operations.validate import validate_place as validate_place
    from packaging_kit.operations.verify import Verification as Verification
    from packaging_kit.operations.verify import verify as verify
    from packaging_kit.stores.archive import ArchiveStore as ArchiveStore
    from packaging_kit.stores.exploded import ExplodedFolder as ExplodedFolder
    from packaging_kit.stores.layout import LayoutStore as LayoutStore
    from packaging_kit.stores.memory import MemoryStore as MemoryStore
    from packaging_kit.stores.registry.credentials import Credential as Credential
    from packaging_kit.stores.registry.credentials import CredentialFiles as CredentialFiles
    from packaging_kit.stores.registry.options import RegistryOptions as RegistryOptions
    from packaging_kit.stores.registry.store import RegistryStore as RegistryStore
    from packaging_kit.stores.scratch import FileScratch as FileScratch
    from packaging_kit.transfer.copy import Copied as Copied
    from packaging_kit.transfer.copy import ReferrerChoice as ReferrerChoice
    from packaging_kit.validate.engine import Binary as Binary
    from packaging_kit.validate.engine import Defect as Defect
    from packaging_kit.validate.engine import Engine as Engine
    from packaging_kit.validate.engine import EngineIdentity as EngineIdentity
    from packaging_kit.validate.policy import Policy as Policy
    from packaging_kit.validate.policy_text import parse_policy as parse_policy
    from packaging_kit.validate.problem import Level as Level
    from packaging_kit.validate.problem import Problem as Problem
    from packaging_kit.validate.problem import Where as Where
    from packaging_kit.validate.report import CheckedBinary as CheckedBinary
    from packaging_kit.validate.report import Profile as Profile
    from packaging_kit.validate.report import Report as Report
    from packaging_kit.validate.upload import validate_binary as validate_binary
    from packaging_kit.validate.upload import validate_upload as validate_upload
    from packaging_kit.wasm.preamble import Kind as Kind

__version__ = "0.1.0"

_HOMES = {
    "artifact.pack": ("Form",),
    "blobs": ("Blob", "BlobSink", "BlobSource", "Scratch"),
    "digest": ("Digest",),
    "engines.choice": ("EngineChoice", "choose_engine"),
    "engines.wasm_tools": ("WasmToolsEngine",),
    "engines.wasmtime": ("WasmtimeEngine",),
    "errors": (
        "ContentError",
        "DocumentError",
        "NotFoundError",
        "PackagingKitError",
        "RegistryError",
        "RequestError",
        "SkeletonError",
        "StoreError",
        "UnavailableError",
        "WasmFormatError",
    ),
    "fragments.explode": ("explode", "explode_chunks"),
    "fragments.exploded": ("Exploded", "Fragment", "FragmentKind"),
    "fragments.plan": ("spans",),
    "fragments.reassemble": ("reassemble",),
    "fragments.spans": ("Span", "SpanKind"),
    "fragments.whole": ("Whole", "open_whole"),
    "oci.descriptor": ("Descriptor",),
    "oci.reference": ("Reference",),
    "oci.repository": ("DocumentSource",),
    "operations.convert": ("Converted", "convert"),
    "operations.copy": ("copy",),
    "operations.diff": ("Diff", "diff"),
    "operations.gc": ("Swept", "gc"),
    "operations.inputs": ("Input",),
    "operations.outputs": ("Output",),
    "operations.pack": ("PackOptions", "PackResult", "pack"),
    "operations.places": ("ArchivePlace", "LayoutPlace", "RegistryPlace"),
    "operations.push": ("push",),
    "operations.settings": ("Settings",),
    "operations.stats": ("Sharing", "stats"),
    "operations.unpack": ("unpack",),
    "operations.untag": ("untag",),
    "operations.validate": ("ValidateOptions", "validate_place"),
    "operations.verify": ("Verification", "verify"),
    "stores.archive": ("ArchiveStore",),
    "stores.exploded": ("ExplodedFolder",),
    "stores.layout": ("LayoutStore",),
    "stores.memory": ("MemoryStore",),
    "stores.registry.credentials": ("Credential", "CredentialFiles"),
    "stores.registry.options": ("RegistryOptions",),
    "stores.registry.store": ("RegistryStore",),
    "stores.scratch": ("FileScratch",),
    "transfer.copy": ("Copied", "ReferrerChoice"),
    "validate.engine": ("Binary", "Defect", "Engine", "EngineIdentity"),
    "validate.policy": ("Policy",),
    "validate.policy_text": ("parse_policy",),
    "validate.problem": ("Level", "Problem", "Where"),
    "validate.report": ("CheckedBinary", "Profile", "Report"),
    "validate.upload": ("validate_binary", "validate_upload"),
    "wasm.preamble": ("Kind",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
