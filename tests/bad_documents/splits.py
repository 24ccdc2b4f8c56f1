"""Splits beside a component that are not what packing it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import (
    IMAGE_ANNOTATION,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    SKELETON,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WHOLE_CONFIG,
)
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.report import Profile
from tests.bad_documents.builders import (
    EMPTY_JSON,
    NOTHING,
    TEXT,
    Json,
    core_module,
    descriptor,
    raw_of,
    wasm_config,
    wasm_layer,
    wasm_manifest,
)
from tests.bad_documents.builders import index as index_of
from tests.bad_documents.case import Case, Found, Input, Upload, case, error, note
from tests.bad_documents.layout import COMPONENT, Layout
from tests.strategies import component, section

ARTIFACT: Final = "skeleton artifact"
INDEX: Final = "split index"
FORMS: Final = ("mapped", "split", "both")
VECTORS: Final = (
    *("component-nested", "component-nested-padded", "component-small-module", "component-two-equal-modules"),
    *("core-module", "first-met-order", "metadata", "names", "wit-package"),
)
EMPTY_DIGEST: Final = Digest.of(EMPTY_JSON).value
OTHER: Final = "component-two-equal-modules"
ORDERED: Final = "first-met-order"


def of_artifact(code: str, path: str = "", says: str = "") -> Found:
    return error(code, path, part=ARTIFACT, says=says)


def of_index(code: str, path: str = "", says: str = "") -> Found:
    return error(code, path, part=INDEX, says=says)


def skeletons(change: Callable[[Layout, Json], Json], form: str = "mapped", name: str = "component-nested") -> Input:
    """A layout whose skeleton artifact was changed, and what names it after it."""
    layout = Layout(form, name)
    return layout.replace(layout.skeletons, lambda value: change(layout, value)).upload()


def with_layers(change: Callable[[list[Json]], list[Json]], name: str = "component-nested") -> Input:
    """A layout whose skeleton artifact has other layers."""
    return skeletons(lambda _, value: value | {"layers": change(value["layers"])}, name=name)


def index(change: Callable[[Layout, Json], Json | bytes], form: str = "split", name: str = "component-nested") -> Input:
    """A layout whose split index was changed."""
    layout = Layout(form, name)
    return layout.replace(layout.index, lambda value: change(layout, value)).upload()


def with_entries(change: Callable[[list[Json]], list[Json]], form: str = "split") -> Input:
    """A layout whose split index has other entries."""
    return index(lambda _, value: value | {"manifests": change(value["manifests"])}, form)


def spaced(value: Json) -> bytes:
    """A document in bytes in which we don't write it."""
    return dump_json(value) + b"\n"


def changed_entry(number: int, **fields: Json) -> Input:
    return with_entries(lambda entries: [*entries[:number], entries[number] | fields, *entries[number + 1 :]])


GOOD: Final = (
    *(
        case(f"`{name}` in the form `{form}` is what packing it gives", lambda form=form, name=name: _plain(form, name))  # type: ignore[misc]
        for form in FORMS
        for name in VECTORS
    ),
    *(
        case(
            f"the form `{form}` has the split that is asked for",
            lambda form=form: _plain(form, "component-nested", profile=Profile.SPLIT),  # type: ignore[misc]
        )
        for form in FORMS
    ),
    case("a skeleton artifact can be looked at by itself", lambda: _alone("mapped")),
    case("a skeleton artifact of the form `split` can be looked at by itself", lambda: _alone("split")),
)


def _plain(form: str, name: str, **options: Profile) -> Upload:
    return Layout(form, name).upload(**options)


def _alone(form: str) -> Upload:
    layout = Layout(form)
    return layout.upload_of(layout.skeletons)


WHOLES: Final = (
    case(
        "a skeleton artifact without layers has nothing of what it needs",
        lambda: with_layers(lambda _: []),
        note("manifest-no-layers", "layers", part=ARTIFACT),
        of_artifact("split-incomplete", "layers", "no layer is a skeleton"),
        of_artifact("split-incomplete", "layers", "whole-config"),
        of_artifact("split-incomplete", "layers", "whole-manifest"),
    ),
    case(
        "a skeleton artifact without skeletons has no root",
        lambda: with_layers(lambda layers: layers[2:]),
        of_artifact("split-incomplete", "layers", "no layer is a skeleton"),
    ),
    case(
        "a skeleton artifact with two configs has one too many",
        lambda: with_layers(lambda layers: [*layers[:3], layers[2], layers[3]]),
        of_artifact("split-incomplete", "layers", "2 layers are of type"),
    ),
    case(
        "a skeleton artifact without the manifest of the whole has none",
        lambda: with_layers(lambda layers: layers[:3]),
        of_artifact("split-incomplete", "layers", "0 layers are of type"),
    ),
    case(
        "a subject that is another manifest leads to another component",
        lambda: skeletons(lambda _, value: value | {"subject": value["subject"] | {"digest": Digest.of(TEXT).value}}),
        of_artifact("split-subject", "subject", "it does not refer to"),
        of_artifact("split-subject", "subject", "and the manifest of the whole is"),
    ),
    case(
        "a subject of another size is another manifest",
        lambda: skeletons(lambda _, value: value | {"subject": value["subject"] | {"size": 1}}),
        of_artifact("split-subject", "subject"),
    ),
    case(
        "a subject with annotations says more than packing writes",
        lambda: skeletons(lambda _, value: value | {"subject": value["subject"] | {"annotations": {"a.b": "c"}}}),
        of_artifact("split-subject", "subject", "it says more of"),
    ),
    case(
        "a subject of another media type is not described as packing writes it",
        lambda: skeletons(lambda _, value: value | {"subject": value["subject"] | {"mediaType": IMAGE_INDEX}}),
        of_artifact("split-subject", "subject", "it says more of"),
    ),
    case(
        "a split of a core module is needless",
        lambda: _of_another(lambda layout: layout.blobs[layout.module(0)]),
        of_artifact("split-needless"),
        of_artifact("split-root-mismatch", "layers[0]"),
    ),
    case(
        "a split of a component without modules is needless",
        lambda: _of_another(lambda _: NOTHING),
        of_artifact("split-needless"),
        of_artifact("split-root-mismatch", "layers[0]"),
        of_index("split-fragment-artifacts", "manifests", "it names 2 fragment artifacts, and there are 0"),
    ),
    case(
        "a split of a component with a module of less than 4 KiB is needless",
        lambda: _of_another(lambda _: component(section(1, core_module(size=4095)))),
        of_artifact("split-needless"),
        of_artifact("split-root-mismatch", "layers[0]"),
        of_index("split-fragment-artifacts", "manifests", "and there are 0"),
    ),
    case(
        "a split of a component with a module of 4 KiB is not needless",
        lambda: _of_another(lambda _: component(section(1, core_module(size=4096)))),
        of_artifact("split-root-mismatch", "layers[0]"),
        of_index("split-fragment-artifacts", "manifests[1]"),
        of_index("split-fragment-artifacts", "manifests", "and there are 1"),
    ),
    case(
        "a stored config that is not the manifest's is another one",
        lambda: _with_config(TEXT),
        of_artifact("split-stored-config", "layers[2]"),
        of_artifact("split-layers", "layers[2]"),
    ),
    case(
        "a stored config that is not there is missing",
        lambda: _without(lambda layout: layout.whole_config, "split"),
        error("not-found", part="whole config"),
    ),
    case(
        "a stored manifest that is not there is missing",
        lambda: _without(lambda layout: layout.whole_manifest, "split"),
        error("not-found", part="whole manifest"),
    ),
    case(
        "a stored manifest that is no manifest is told as that",
        lambda: _with_whole_manifest(lambda _: b"[]"),
        error("json-not-an-object", part="whole manifest"),
    ),
    case(
        "a stored manifest that is no manifest by its members is told as that",
        lambda: _with_whole_manifest(lambda value: value | {"layers": {}}),
        error("document-schema", "layers", part="whole manifest"),
    ),
    case(
        "a stored manifest of two layers is none of a Wasm artifact",
        lambda: _with_whole_manifest(lambda value: value | {"layers": value["layers"] * 2}),
        error("not-found", part="whole manifest"),
        error("not-found", part="whole manifest"),
        error("layers-not-one", "layers", part="whole manifest"),
    ),
    case(
        "fragments that give another whole than the stored manifest names are of another component",
        lambda: _with_whole_manifest(lambda value: value | {"layers": [wasm_layer(TEXT)]}),
        of_artifact("split-whole-mismatch", "layers"),
    ),
    case(
        "fragments that give a whole of another size are of another component",
        lambda: _with_whole_manifest(lambda value: value | {"layers": [value["layers"][0] | {"size": 1}]}),
        of_artifact("split-whole-mismatch", "layers"),
    ),
    case(
        "a root that is not that of the whole stands for another component",
        lambda: _with_other_root(),
        of_artifact("split-root-mismatch", "layers[0]"),
    ),
    case(
        "what is wrong with the whole of a split is told of it",
        lambda: _with_whole_config(architecture="amd64"),
        error("config-architecture", "architecture", part="whole config"),
    ),
)

LAYERS: Final = (
    case(
        "skeletons in another order than they are met are in the wrong one",
        lambda: with_layers(lambda layers: [layers[0], layers[2], layers[1], *layers[3:]], ORDERED),
        of_artifact("split-layers", "layers[1]"),
        of_artifact("split-layers", "layers[2]"),
    ),
    case(
        "a skeleton more than there are is too many",
        lambda: with_layers(lambda layers: [*layers, layers[0]]),
        of_artifact("split-layers", "layers", "there are 5 of them"),
    ),
    case(
        "a nested skeleton that is left out is missing, and what comes after it stands elsewhere",
        lambda: with_layers(lambda layers: [layers[0], *layers[2:]]),
        of_artifact("split-layers", "layers[1]"),
        of_artifact("split-layers", "layers[2]"),
        of_artifact("split-layers", "layers", "there are 3 of them"),
    ),
    case(
        "a layer with a title is not as packing writes it",
        lambda: with_layers(
            lambda layers: [layers[0] | {"annotations": {f"{IMAGE_ANNOTATION}title": "a"}}, *layers[1:]]
        ),
        of_artifact("split-layers", "layers[0]"),
    ),
    case(
        "a config of its own is not the empty one",
        lambda: skeletons(lambda layout, value: value | {"config": layout.add(TEXT, "text/plain")}),
        of_artifact("split-config", "config"),
    ),
    case(
        "the empty config with its content in it is not as packing writes it",
        lambda: skeletons(lambda _, value: value | {"config": value["config"] | {"data": "e30="}}),
        of_artifact("split-config", "config"),
    ),
    case(
        "a skeleton artifact with a line break behind it has other bytes",
        lambda: skeletons(lambda _, value: spaced(value)),
        of_artifact("split-document-bytes"),
    ),
    case(
        "a skeleton artifact with annotations has other bytes",
        lambda: skeletons(lambda _, value: value | {"annotations": {"com.example.a": "b"}}),
        of_artifact("split-document-bytes"),
    ),
    case(
        "a skeleton artifact with other bytes and another subject is told of that alone",
        lambda: skeletons(lambda _, value: spaced(value | {"subject": value["subject"] | {"size": 1}})),
        of_artifact("split-subject", "subject"),
    ),
    case(
        "a skeleton artifact with other bytes in the form `split` is found there",
        lambda: skeletons(lambda _, value: spaced(value), "split"),
        of_artifact("split-document-bytes"),
    ),
    case(
        "a skeleton artifact that is no manifest is told as that",
        lambda: skeletons(lambda _, value: {name: member for name, member in value.items() if name != "config"}),
        error("document-schema", "config", part=ARTIFACT),
    ),
)

INDEXES: Final = (
    case(
        "a split index without entries names no skeleton artifact",
        lambda: with_entries(lambda _: []),
        of_index("split-index-incomplete", "manifests"),
    ),
    case(
        "a split index that names the skeleton artifact last does not name it first",
        lambda: with_entries(lambda entries: [*entries[1:], entries[0]]),
        of_index("split-index-incomplete", "manifests"),
        of_index("split-fragment-artifacts", "manifests[1]"),
        of_index("split-fragment-artifacts", "manifests[2]"),
    ),
    case(
        "a split index whose skeleton artifact is not there is missing it",
        lambda: _without(lambda layout: layout.skeletons, "split"),
        error("not-found", part=ARTIFACT),
    ),
    case(
        "a split index that refers to another manifest leads to another component",
        lambda: index(
            lambda _, value: value | {"subject": value["subject"] | {"digest": Digest.of(TEXT).value}}, "both"
        ),
        of_index("split-subject", "subject", "it does not refer to"),
        of_index("split-subject", "subject", "and the manifest of the whole is"),
    ),
    case(
        "a split index that refers to nothing is no referrer, and its skeleton artifact is of another form",
        lambda: index(_without_subject, "both"),
        of_index("split-subject", "subject", "it does not refer to"),
        of_index("split-forms-mixed", "subject"),
    ),
    case(
        "fragment artifacts in another order than their modules are met are in the wrong one",
        lambda: with_entries(lambda entries: [entries[0], entries[2], entries[1]]),
        of_index("split-fragment-artifacts", "manifests[1]"),
        of_index("split-fragment-artifacts", "manifests[2]"),
    ),
    case(
        "a fragment artifact that is left out is missing",
        lambda: with_entries(lambda entries: entries[:2]),
        of_index("split-fragment-artifacts", "manifests", "it names 1"),
    ),
    case(
        "a fragment artifact that stands twice is one too many",
        lambda: with_entries(lambda entries: [*entries, entries[1]]),
        of_index("split-fragment-artifacts", "manifests", "it names 3"),
    ),
    case(
        "a fragment artifact of another time is another one",
        lambda: _with_fragment_config(0, created="2026-01-01T00:00:00Z"),
        of_index("split-fragment-artifacts", "manifests[1]"),
    ),
    case(
        "an entry with a platform that a runtime may choose says too much",
        lambda: changed_entry(1, platform={"architecture": "wasm", "os": "wasip1"}),
        of_index("split-entry-fields", "manifests[1]"),
    ),
    case(
        "an entry without its artifact type says too little",
        lambda: with_entries(
            lambda entries: [*entries[:2], {k: v for k, v in entries[2].items() if k != "artifactType"}]
        ),
        of_index("split-entry-fields", "manifests[2]"),
    ),
    case(
        "the first entry's annotations say too much",
        lambda: changed_entry(0, annotations={"com.example.a": "b"}),
        of_index("split-entry-fields", "manifests[0]"),
    ),
    case(
        "a split index with a line break behind it has other bytes",
        lambda: index(lambda _, value: spaced(value)),
        of_index("split-document-bytes"),
    ),
    case(
        "a split index with annotations has other bytes",
        lambda: index(lambda _, value: value | {"annotations": {"com.example.a": "b"}}, "both"),
        of_index("split-document-bytes"),
    ),
    case(
        "a split index with other bytes and another subject is told of that alone",
        lambda: index(lambda _, value: spaced(value | {"subject": value["subject"] | {"size": 1}}), "both"),
        of_index("split-subject", "subject"),
    ),
    case(
        "an index's subject with an artifact type says more than packing writes",
        lambda: index(lambda _, value: value | {"subject": value["subject"] | {"artifactType": "a/b"}}, "both"),
        of_index("split-subject", "subject", "it says more of"),
    ),
    case(
        "a split index that refers to the whole, around a skeleton artifact that refers to nothing, is of two forms",
        lambda: index(_with_subject),
        of_index("split-forms-mixed", "subject"),
    ),
    case(
        "a split index that refers to nothing, around a skeleton artifact that refers to the whole, is of two forms",
        lambda: around(_mixed(), split_index),
        of_index("split-forms-mixed", "subject"),
    ),
    case(
        "a split index that was written anew and refers to the whole is of two forms",
        lambda: index(lambda layout, value: _rewritten(layout, _with_subject(layout, value))),
        of_index("split-forms-mixed", "subject"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "an entry of a split index that was written anew has the size of its manifest",
        lambda: _rewritten_entry(1, size=7),
        of_index("split-entry-fields", "manifests[1]", "the size and type of its manifest"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "an entry of a split index that was written anew has the media type of its manifest",
        lambda: _rewritten_entry(2, mediaType=IMAGE_INDEX),
        of_index("split-entry-fields", "manifests[2]", "the size and type of its manifest"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "an entry of a split index that was written anew may have a platform",
        lambda: _rewritten_entry(1, platform={"architecture": "wasm", "os": "wasip1"}),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "an entry of a split index that was written anew and names another manifest is told of that alone",
        lambda: index(
            lambda layout, value: _rewritten(
                layout, value | {"manifests": [value["manifests"][number] for number in (0, 0, 2)]}
            )
        ),
        of_index("split-fragment-artifacts", "manifests[1]"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "a split index with other bytes and other entries is told of those alone",
        lambda: index(lambda _, value: spaced(value | {"manifests": value["manifests"][:2]})),
        of_index("split-fragment-artifacts", "manifests"),
    ),
    case(
        "a split index that was written anew without its types is read, with a note",
        lambda: index(_rewritten),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "a split index that was written anew and refers to another manifest leads to another component",
        lambda: index(lambda layout, value: _rewritten(layout, value | {"subject": descriptor(TEXT, IMAGE_MANIFEST)})),
        of_index("split-subject", "subject"),
        of_index("split-forms-mixed", "subject"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "a split index that names a fragment artifact alone has no skeletons",
        lambda: with_entries(lambda entries: entries[1:2]),
        of_index("split-index-incomplete", "manifests"),
        of_artifact("split-incomplete", "artifactType"),
        of_artifact("split-incomplete", "layers", "no layer is a skeleton"),
        of_artifact("split-incomplete", "layers", "whole-config"),
        of_artifact("split-incomplete", "layers", "whole-manifest"),
    ),
    case(
        "a split index that was written anew has to name all fragment artifacts",
        lambda: index(lambda layout, value: _rewritten(layout, value | {"manifests": value["manifests"][:2]})),
        of_index("split-fragment-artifacts", "manifests"),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "a split index of another type is an index of others, in which nothing is a component",
        lambda: Upload(
            raw=raw_of(
                {
                    "schemaVersion": 2,
                    "mediaType": IMAGE_INDEX,
                    "artifactType": "application/vnd.example.a",
                    "manifests": [],
                }
            ),
            media_type=IMAGE_INDEX,
        ),
        error("index-no-component", "manifests", part="index"),
    ),
    case(
        "a split index that is no index by its members is told as that",
        lambda: Upload(
            raw=raw_of({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "artifactType": SPLIT_INDEX, "manifests": {}}),
            media_type=IMAGE_INDEX,
        ),
        error("document-schema", "manifests", part="index"),
    ),
    case(
        "a split index that refers to the whole and was written wrong is told as a split index",
        lambda: index(lambda _, value: value | {"schemaVersion": 1}, "both"),
        error("document-schema", "schemaVersion", part=INDEX),
    ),
)


def _mixed() -> Layout:
    layout = Layout("both")
    return layout.replace(layout.index, lambda value: _without_subject(layout, value))


def _rewritten_entry(number: int, **fields: Json) -> Input:
    """A layout whose split index was written anew, with one entry changed."""

    def change(layout: Layout, value: Json) -> Json:
        entries = [dict(entry) for entry in value["manifests"]]
        entries[number] |= fields
        return _rewritten(layout, value | {"manifests": entries})

    return index(change)


def _with_subject(layout: Layout, value: Json) -> Json:
    return value | {"subject": layout.entry(layout.whole_manifest)}


def _without_subject(_: Layout, value: Json) -> Json:
    return {name: member for name, member in value.items() if name != "subject"}


def _rewritten(_: Layout, value: Json) -> Json:
    entries = [
        {name: member for name, member in entry.items() if name != "artifactType"} for entry in value["manifests"]
    ]
    return {name: member for name, member in value.items() if name != "artifactType"} | {"manifests": entries}


CONTENT: Final = (
    case(
        "the empty config of a skeleton artifact that is not there is missing",
        lambda: _without(lambda _: EMPTY_DIGEST, "mapped"),
        error("not-found", part=ARTIFACT),
    ),
    case(
        "the empty config of a skeleton artifact in a split index that is not there is missing",
        lambda: _without(lambda _: EMPTY_DIGEST, "split"),
        error("not-found", part=ARTIFACT),
    ),
    case(
        "the empty config of a skeleton artifact that was changed is damaged",
        lambda: _damaged(lambda _: EMPTY_DIGEST, "mapped"),
        error("digest-mismatch", part=ARTIFACT),
    ),
    case(
        "a config that is not there is missing once, though the split names it too",
        lambda: _without(lambda layout: layout.whole_config, "mapped"),
        error("not-found", part="config"),
    ),
    case(
        "a module that is not there is missing",
        lambda: _without(lambda layout: layout.module(0), "split"),
        error("fragment-missing", part="fragment"),
    ),
    case(
        "modules that are not there are each missing",
        lambda: _without_modules(),
        error("fragment-missing", part="fragment"),
        error("fragment-missing", part="fragment"),
    ),
    case(
        "a module that was changed is damaged",
        lambda: _damaged(lambda layout: layout.module(1), "split"),
        error("digest-mismatch", part="binary"),
    ),
    case(
        "a module that was changed beside the whole is damaged",
        lambda: _damaged(lambda layout: layout.module(1), "both"),
        error("digest-mismatch", part="fragment"),
    ),
    case(
        "a module that is not there beside the whole is missing",
        lambda: _without(lambda layout: layout.module(1), "both"),
        error("not-found", part="fragment"),
    ),
    case(
        "a fragment artifact that is not there is missing",
        lambda: _without(lambda layout: layout.fragment_artifacts[1], "split"),
        error("not-found", part="fragment artifact"),
    ),
    case(
        "a fragment artifact's config that is not there is missing",
        lambda: _without(lambda layout: layout.fragment_config(0), "split"),
        error("not-found", part="fragment artifact"),
    ),
    case(
        "a fragment artifact that was changed is damaged",
        lambda: _damaged(lambda layout: layout.fragment_artifacts[0], "both"),
        error("digest-mismatch", part="fragment artifact"),
    ),
    case(
        "a root that is not there is missing",
        lambda: _without(lambda layout: layout.roots[0], "mapped"),
        error("fragment-missing", part="skeleton"),
    ),
    case(
        "a nested skeleton that is not there is missing",
        lambda: _without(lambda layout: layout.roots[1], "split"),
        error("fragment-missing", part="skeleton"),
    ),
    case(
        "a nested skeleton that was changed is damaged",
        lambda: _damaged(lambda layout: layout.roots[1], "mapped"),
        error("digest-mismatch", part="skeleton"),
    ),
    case(
        "a whole that was changed beside its split is damaged",
        lambda: _damaged(lambda layout: layout.whole, "both"),
        error("digest-mismatch", part="binary"),
    ),
    case(
        "a skeleton artifact that refers to the whole and is not there is missing",
        lambda: _without(lambda layout: layout.skeletons, "mapped"),
        error("not-found", part=ARTIFACT),
    ),
)


def around(layout: Layout, *find: Callable[[Layout], str], **fields: Json) -> Input:
    """A plain index of documents of a layout."""
    raw = raw_of(index_of(*(layout.entry(each(layout)) for each in find), **fields))
    return Upload(raw=raw, media_type=IMAGE_INDEX, source=layout.source())


def split_index(layout: Layout) -> str:
    return layout.index


def skeleton_artifact(layout: Layout) -> str:
    return layout.skeletons


def spaced_skeletons() -> Layout:
    layout = Layout("mapped")
    return layout.replace(layout.skeletons, spaced)


def spaced_index() -> Layout:
    layout = Layout("split")
    return layout.replace(layout.index, spaced)


def _as_a_manifest() -> Input:
    layout = Layout("split")
    entry = layout.entry(layout.index)
    raw = raw_of(index_of(entry, entry | {"mediaType": IMAGE_MANIFEST}))
    return Upload(raw=raw, media_type=IMAGE_INDEX, source=layout.source())


def _of_another_type(layout: Layout) -> Input:
    """A layout whose split index calls itself something else."""
    layout.change(layout.index, artifactType="application/vnd.example.a")
    return layout.upload()


def _without_module() -> Layout:
    layout = Layout("split")
    return layout.drop(layout.module(0))


PLAIN_INDEXES: Final = (
    case("a plain index leads to a split index", lambda: around(Layout("split"), split_index)),
    case(
        "a split index in a plain index is one",
        lambda: around(spaced_index(), split_index),
        of_index("split-document-bytes"),
    ),
    case(
        "a split index that stands twice in a plain index is one",
        lambda: around(spaced_index(), split_index, split_index),
        of_index("split-document-bytes"),
    ),
    case(
        "a split index that stands again as a manifest is none",
        lambda: _as_a_manifest(),
        error("document-kinds-mixed", "manifests"),
        error("document-schema", "config"),
        error("document-schema", "layers"),
        error("media-type-mismatch", "mediaType"),
    ),
    case(
        "a plain index leads to a skeleton artifact and the whole artifact that it refers to",
        lambda: around(Layout("mapped"), skeleton_artifact, lambda layout: layout.whole_manifest),
    ),
    case(
        "a split index in a plain index that lacks a module is not whole",
        lambda: around(_without_module(), split_index),
        error("fragment-missing", part="fragment"),
    ),
    case(
        "a split index that was written anew in a plain index is one",
        lambda: _around_rewritten(),
        note("split-index-rewritten", "artifactType", part=INDEX),
    ),
    case(
        "a plain index leads to a skeleton artifact",
        lambda: around(Layout("mapped"), skeleton_artifact),
    ),
    case(
        "a skeleton artifact in a plain index is one",
        lambda: around(spaced_skeletons(), skeleton_artifact),
        of_artifact("split-document-bytes"),
    ),
    case(
        "a split index that calls itself something else is whole in all it names",
        lambda: _of_another_type(Layout("split")),
    ),
    case(
        "a split index that calls itself something else and lacks a module is not whole",
        lambda: _of_another_type(_without_module()),
        error("fragment-missing", part="fragment"),
        error("not-found", part="binary"),
    ),
    case(
        "an index of another type around a broken split index finds what is wrong in it",
        lambda: around(spaced_index(), split_index, artifactType="application/vnd.example.a"),
        of_index("split-document-bytes"),
    ),
)

REFERRERS: Final = (
    case(
        "a split of another component that is said to refer to this one does not",
        lambda: _referred("mapped", OTHER, SKELETON_ARTIFACT),
        of_artifact("split-subject", "subject", "it does not refer to"),
    ),
    case(
        "a split of another component is no split of this one",
        lambda: _referred("mapped", OTHER, SKELETON_ARTIFACT, Profile.SPLIT),
        error("policy-split"),
        of_artifact("split-subject", "subject", "it does not refer to"),
    ),
    case(
        "a split index of another component is no split of this one",
        lambda: _referred("both", OTHER, SPLIT_INDEX, Profile.SPLIT),
        error("policy-split"),
        of_index("split-subject", "subject", "it does not refer to"),
    ),
    case(
        "a split that refers to nothing is no split of this one",
        lambda: _referred("split", COMPONENT, SKELETON_ARTIFACT, Profile.SPLIT),
        error("policy-split"),
        of_artifact("split-subject", "subject", "it does not refer to"),
    ),
    case(
        "one split that refers to this one is enough",
        lambda: _referred("mapped", COMPONENT, SKELETON_ARTIFACT, Profile.SPLIT),
    ),
    case(
        "what is no split may be said to refer to this one, and is not looked at",
        lambda: _referred("mapped", OTHER, "application/vnd.example.sbom", Profile.SPLIT),
        error("policy-split"),
    ),
    case(
        "a split that is not there is none",
        lambda: _without(skeleton_artifact, "mapped", profile=Profile.SPLIT),
        error("not-found", part=ARTIFACT),
        error("policy-split"),
    ),
    case(
        "a split that is no object refers to nothing",
        lambda: skeletons(lambda *_: b"[]"),
        of_artifact("split-subject", "subject", "it does not refer to"),
        of_artifact("json-not-an-object"),
    ),
    case(
        "a split whose subject is a text refers to nothing",
        lambda: skeletons(lambda _, value: value | {"subject": value["subject"]["digest"]}),
        of_artifact("split-subject", "subject", "it does not refer to"),
        of_artifact("document-schema", "subject"),
    ),
)

FRAGMENTS: Final = (
    case(
        "a fragment artifact under a tag is held against the policy as any core module is",
        lambda: _fragment(tag="1.0.0", policy=Policy(required_annotations=("a",), allowed_created=())),
        error("policy-annotation-missing", "annotations.a"),
        error("policy-created", "created", part="config"),
    ),
    case("a fragment artifact may have a tag", lambda: _fragment(tag="1.0.0")),
    case(
        "a fragment artifact under a tag has the annotations of its publisher",
        lambda: _fragment(tag="1.0.0", annotations={"com.example.a": "b"}),
    ),
    case("a fragment artifact is one by itself", lambda: _fragment()),
    case(
        "a fragment artifact with annotations is not the one that packing writes",
        lambda: _fragment(annotations={"com.example.a": "b"}),
        error("fragment-artifact", says="its manifest"),
    ),
    case(
        "a fragment artifact of another time is not the one that packing writes",
        lambda: _other_fragment(),
        error("fragment-artifact", says="its manifest"),
        error("fragment-artifact", says="its config"),
    ),
    case(
        "a fragment artifact under another title is a core module like any other",
        lambda: _titled("module.wasm"),
    ),
    case(
        "a policy looks at the size of a fragment",
        lambda: _fragment(policy=Policy(max_whole_size=4999)),
        error("policy-size", part="binary", says="the binary"),
    ),
    case(
        "a policy asks nothing else of a fragment",
        lambda: _fragment(policy=Policy(required_annotations=("a",), allowed_licenses=(), allowed_created=())),
    ),
    case(
        "a policy looks at the size of each document of a split",
        lambda: Layout("split").upload(policy=Policy(max_manifest_size=7)),
        error("policy-size", part="index", says="the document has"),
        of_artifact("policy-size", says="the document has"),
        error("policy-size", part="whole manifest", says="the document has"),
    ),
    case(
        "a policy looks at the size of each document beside a whole once",
        lambda: Layout("both").upload(policy=Policy(max_manifest_size=7)),
        error("policy-size", says="the document has"),
        of_artifact("policy-size"),
        of_index("policy-size"),
    ),
    case(
        "a policy asks of the whole what it asks of any component",
        lambda: Layout("split").upload(policy=Policy(allowed_created=("2026-01-01T00:00:00Z",))),
        error("policy-created", "created", part="whole config"),
    ),
)


def _with_config(raw: bytes) -> Input:
    """A layout that stores another config of the whole beside the right one."""
    return skeletons(
        lambda layout, value: (
            value
            | {
                "layers": [
                    layout.add(raw, WHOLE_CONFIG) if layer["mediaType"] == WHOLE_CONFIG else layer
                    for layer in value["layers"]
                ]
            }
        )
    )


def _with_whole_manifest(change: Callable[[Json], Json | bytes]) -> Input:
    layout = Layout("split")
    return layout.replace(layout.whole_manifest, change).upload()


def _with_whole_config(**fields: Json) -> Input:
    layout = Layout("split")
    return layout.change(layout.whole_config, **fields).upload()


def _with_other_root() -> Input:
    """A layout whose skeletons are those of another component."""
    other = Layout("mapped", OTHER)
    raw = other.blobs[other.roots[0]]
    return skeletons(lambda layout, value: value | {"layers": [layout.add(raw, SKELETON), *value["layers"][1:]]})


def _with_fragment_config(number: int, **fields: Json) -> Input:
    layout = Layout("split")
    return layout.change(layout.fragment_config(number), **fields).upload()


def _without(which: Callable[[Layout], str], form: str, **options: Profile) -> Input:
    layout = Layout(form)
    return layout.drop(which(layout)).upload(**options)


def _without_modules() -> Input:
    layout = Layout("split")
    return layout.drop(layout.module(0), layout.module(1)).upload()


def _damaged(which: Callable[[Layout], str], form: str) -> Input:
    layout = Layout(form)
    return layout.damage(which(layout)).upload()


def _of_another(find: Callable[[Layout], bytes]) -> Input:
    """A layout in which the whole is another binary, stored as one blob."""
    layout = Layout("split")
    data = find(layout)
    layout.add(data, "")
    config = raw_of(wasm_config(data))
    layout.replace(layout.whole_config, lambda _: config)
    return layout.replace(layout.whole_manifest, lambda _: wasm_manifest(config, wasm_layer(data))).upload()


def _around_rewritten() -> Input:
    layout = Layout("split")
    digest = str(layout.add(dump_json(_rewritten(layout, layout.value(layout.index))), "")["digest"])
    return around(layout, lambda _: digest)


def _referred(form: str, name: str, artifact_type: str, profile: Profile = Profile.CNCF) -> Input:
    """The whole artifact of a component, with this of another layout as its referrer."""
    layout, other = Layout("mapped"), Layout(form, name)
    digest = other.index if artifact_type == SPLIT_INDEX else other.skeletons
    entry = other.entry(digest) | {"artifactType": artifact_type}
    layout.blobs |= other.blobs
    return layout.upload(profile=profile, referrers=(Descriptor.from_json(Fields(entry)),))


def _fragment(policy: Policy | None = None, tag: str | None = None, **fields: Json) -> Input:
    layout = Layout("split")
    digest = layout.fragment_artifacts[0]
    raw = dump_json(layout.value(digest) | fields)
    return layout.upload_of(layout.add(raw, IMAGE_MANIFEST)["digest"], policy=policy, tag=tag)


def _other_fragment() -> Input:
    layout = Layout("split")
    layout.change(layout.fragment_config(0), created="2026-01-01T00:00:00Z")
    return layout.upload_of(layout.fragment_artifacts[0])


def _titled(title: str) -> Input:
    layout = Layout("split")
    module = layout.blobs[layout.module(0)]
    config = raw_of(wasm_config(module))
    layout.add(config, "")
    return layout.upload_of(layout.add(raw_of(wasm_manifest(config, wasm_layer(module, title))), "")["digest"])


CASES: Final[tuple[Case, ...]] = (*GOOD, *WHOLES, *LAYERS, *INDEXES, *CONTENT, *PLAIN_INDEXES, *REFERRERS, *FRAGMENTS)
