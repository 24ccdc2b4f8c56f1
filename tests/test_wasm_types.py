"""Component types and WIT packages: what is one, the names it gives, and every type form that may stand beside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.core_types import skip_core_type
from packaging_kit.wasm.interface import ComponentInterface, read_interface
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.types import TypeKind, read_type_section
from tests.conftest import FIXTURES
from tests.strategies import component, leb128, section, text, vector

EMPTY_INSTANCE = b"\x42\0"
FUNCTION = b"\x40\0\x01\0"


def component_type(*declarations: bytes) -> bytes:
    return b"\x41" + vector(*declarations)


def instance_type(*declarations: bytes) -> bytes:
    return b"\x42" + vector(*declarations)


def typed(definition: bytes) -> bytes:
    """A declaration of a type."""
    return b"\x01" + definition


def exported(name: str, described: bytes) -> bytes:
    """A declaration of an export."""
    return b"\x04\0" + text(name) + described


def imported(name: str, described: bytes) -> bytes:
    """A declaration of an import."""
    return b"\x03\0" + text(name) + described


def interface_type(name: str, *before: bytes) -> bytes:
    """The type that stands for an interface, with declarations before it that define no type."""
    return component_type(*before, typed(EMPTY_INSTANCE), exported(name, b"\x05\0"))


def world_type(name: str, *declarations: bytes) -> bytes:
    """The type that stands for a world."""
    return component_type(typed(component_type(*declarations)), exported(name, b"\x04\0"))


def package(*types: bytes, exports: tuple[int, ...] | None = None) -> bytes:
    """A component that defines and exports `types`."""
    numbers = range(len(types)) if exports is None else exports
    named = (b"\0" + text(f"name-{number}") + b"\x03" + leb128(number) + b"\0" for number in numbers)
    return component(section(7, vector(*types)), section(11, vector(*named)))


I = interface_type("test:w/types@1.0.0")  # noqa: E741 - an interface
W = world_type(
    "test:w/app@1.0.0",
    typed(FUNCTION),
    imported("wasi:io/poll@0.2.0", b"\x01\0"),
    exported("run", b"\x01\0"),
    exported("b:c/d@2.0.0", b"\x01\0"),
)


def names_of(data: bytes) -> tuple[str, ...] | None:
    """What a WIT package gives as exports; `None` where it is none."""
    interface = read_interface(data)
    return interface.exports if interface.is_wit_package else None


def test_interface_gives_its_id() -> None:
    assert names_of(package(I)) == ("test:w/types@1.0.0",)


def test_world_gives_its_id_and_the_names_of_its_exports_sorted() -> None:
    assert names_of(package(W)) == ("b:c/d@2.0.0", "run", "test:w/app@1.0.0")


def test_package_gives_the_sorted_set_of_all() -> None:
    other = world_type("test:w/zeta@1.0.0", typed(FUNCTION), exported("run", b"\x01\0"))

    assert names_of(package(W, I, other)) == (
        "b:c/d@2.0.0",
        "run",
        "test:w/app@1.0.0",
        "test:w/types@1.0.0",
        "test:w/zeta@1.0.0",
    )


def test_package_has_no_imports_in_its_config() -> None:
    assert read_interface(package(W)).imports == ()


@pytest.mark.parametrize(
    "name",
    [
        "a:b/c",
        "a:b/c@1.2.3",
        "a:b/c@0.0.0-rc.1",
        "a:b/c@1.0.0-0a.b-c+build.01",
        "my-ns:my-package2/my-interface",
        "a:b/HTTP-client",
        "a:b/c-3d",
    ],
)
def test_interface_of_any_id_is_recognised(name: str) -> None:
    assert names_of(package(interface_type(name))) == (name,)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "plain",
        "a/b",
        "a:b",
        "a:b/c/d",
        "a:b/c@1",
        "a:b/c@1.2",
        "a:b/c@1.02.3",
        "a:b/c@",
        "a:b/c@1.2.3-",
        "a:b/c@1.2.3-01",
        "a:b/c@1.2.3+",
        "A:b/c",
        "a:B/c",
        "a:b/Ccc",
        "a:b/c_d",
        "a:b/-c",
        "a:b/c-",
        "a:b/c ",
        "a:b/c\n",
        "a:b/c@1.2.3\n",
        "unlocked-dep=<a:b/c>",
        "a:b/ç",
        "a:b/c@1.2.٣",
    ],
)
def test_component_type_whose_export_has_no_id_is_no_interface(name: str) -> None:
    assert names_of(package(interface_type(name))) is None


NO_PACKAGES = {
    "no exports": component(section(7, vector(I))),
    "nothing": component(),
    "an export that is no type": component(section(7, vector(I)), section(11, vector(b"\0" + text("a") + b"\x05\0\0"))),
    "an export of an instance type": package(instance_type()),
    "an export of a function type": package(FUNCTION),
    "an export of a defined type": package(b"\x72\0"),
    "a component type without exports": package(component_type(typed(EMPTY_INSTANCE))),
    "a component type with two exports": package(
        component_type(typed(EMPTY_INSTANCE), exported("a:b/c", b"\x05\0"), exported("a:b/d", b"\x05\0"))
    ),
    "a component type that exports a function": package(component_type(typed(FUNCTION), exported("a:b/c", b"\x01\0"))),
    "a component type that exports a type": package(component_type(typed(FUNCTION), exported("a:b/c", b"\x03\0\0"))),
    "a world whose type is no component type": package(
        component_type(typed(EMPTY_INSTANCE), exported("a:b/c", b"\x04\0"))
    ),
    "a world whose type is not there": package(component_type(exported("a:b/c", b"\x04\x05"))),
    "an export of a type that is not there": package(I, exports=(7,)),
    "one good export and one bad": package(I, FUNCTION),
    "a type of an unknown form before it": package(b"\x00", I, exports=(1,)),
    "a type section with a byte too many": component(
        section(7, vector(I) + b"\0"), section(11, vector(b"\0" + text("a") + b"\x03\0\0"))
    ),
    "an import": component(
        section(7, vector(FUNCTION, I)),
        section(10, vector(b"\0" + text("f") + b"\x01\0")),
        section(11, vector(b"\0" + text("a") + b"\x03\x01\0")),
    ),
    "an export of an aliased type": component(
        section(7, vector(I)),
        section(6, vector(b"\x03\x02\0\0")),
        section(11, vector(b"\0" + text("a") + b"\x03\x01\0")),
    ),
}


@pytest.mark.parametrize("data", NO_PACKAGES.values(), ids=NO_PACKAGES)
def test_what_does_not_fit_is_an_ordinary_component(data: bytes) -> None:
    assert names_of(data) is None


def test_ordinary_component_keeps_the_names_in_binary_order() -> None:
    data = package(I, FUNCTION)

    assert read_interface(data) == ComponentInterface(imports=(), exports=("name-0", "name-1"), is_wit_package=False)


def test_index_counts_over_several_sections_aliases_and_exports() -> None:
    data = component(
        section(7, vector(FUNCTION)),
        section(6, vector(b"\x03\x02\0\0", b"\x01\x02\0\0")),  # a type, which has an index; a function, which has none
        section(7, vector(I)),
        section(11, vector(b"\0" + text("a") + b"\x03\x02\0")),  # makes a type of its own, number 3
        section(7, vector(W)),
        section(11, vector(b"\0" + text("b") + b"\x03\x04\0", b"\0" + text("c") + b"\x03\x03\0")),
    )

    assert names_of(data) == ("b:c/d@2.0.0", "run", "test:w/app@1.0.0", "test:w/types@1.0.0")


RUNNING = typed(component_type(typed(FUNCTION), exported("run", b"\x01\0")))


@pytest.mark.parametrize(
    ("before", "index"),
    [
        pytest.param((), 0, id="nothing before it"),
        pytest.param((typed(FUNCTION),), 1, id="a type"),
        pytest.param((b"\0\x60\0\0",), 0, id="a core type, which has an index elsewhere"),
        pytest.param((b"\x02\x03\x02\x01\0",), 1, id="an alias of a type"),
        pytest.param((b"\x02\x01\0\0" + text("f"),), 0, id="an alias of a function"),
        pytest.param((imported("t", b"\x03\x01"),), 1, id="an import of a type"),
        pytest.param((typed(FUNCTION), imported("f", b"\x01\0")), 1, id="an import of a function"),
    ],
)
def test_index_inside_a_type_counts_the_types_before_it(before: tuple[bytes, ...], index: int) -> None:
    world = component_type(*before, RUNNING, exported("a:b/w", b"\x04" + leb128(index)))
    next_one = component_type(*before, RUNNING, exported("a:b/w", b"\x04" + leb128(index + 1)))

    assert (names_of(package(FUNCTION, world, exports=(1,))), names_of(package(next_one))) == (("a:b/w", "run"), None)


TYPE_FORMS = {
    "bool": b"\x7f",
    "string": b"\x73",
    "error-context": b"\x64",
    "record": b"\x72" + vector(text("a") + b"\x7f", text("b") + b"\x05"),
    "variant": b"\x71" + vector(text("a") + b"\0\0", text("b") + b"\x01\x7f\0"),
    "list": b"\x70\x7f",
    "list of a type with a padded index": b"\x70\x85\x80\0",
    "list of fixed length": b"\x67\x7f\x85\x01",
    "tuple": b"\x6f" + vector(b"\x7f", b"\x03"),
    "flags": b"\x6e" + vector(text("a"), text("b")),
    "enum": b"\x6d" + vector(text("a"), text("b")),
    "option": b"\x6b\x7f",
    "result of nothing": b"\x6a\0\0",
    "result": b"\x6a\x01\x7f\x01\x73",
    "own": b"\x69\x05",
    "borrow": b"\x68\x85\x01",
    "stream": b"\x66\x01\x7f",
    "stream of nothing": b"\x66\0",
    "future": b"\x65\x01\x05",
    "map": b"\x63\x73\x7f",
    "resource": b"\x3f\x7f\0",
    "resource with a destructor": b"\x3f\x7f\x01\x05",
    "function": b"\x40" + vector(text("a") + b"\x7f") + b"\0\x73",
    "function without a result": FUNCTION,
    "async function": b"\x43" + vector(text("a") + b"\x7f") + b"\0\x73",
    "component type": component_type(typed(FUNCTION), imported("f", b"\x01\0")),
    "component type that aliases": component_type(b"\x02\x03\x02\x01\0", b"\x02\x05\0\0" + text("a")),
    "component type that aliases core things": component_type(b"\x02\0\x10\x02\x01\0", b"\x02\0\x11\x02\x01\0"),
    "component type that imports everything": component_type(
        *(
            imported(f"i{number}", described)
            for number, described in enumerate((b"\0\x11\0", b"\x01\0", b"\x02\x7f", b"\x03\x01", b"\x04\0", b"\x05\0"))
        )
    ),
    "component type with a core type": component_type(b"\0\x60\0\0"),
    "instance type": instance_type(typed(FUNCTION), exported("f", b"\x01\0"), exported("t", b"\x03\x01")),
    "instance type in an instance type": instance_type(typed(instance_type(typed(FUNCTION)))),
}


@pytest.mark.parametrize("form", TYPE_FORMS.values(), ids=TYPE_FORMS)
def test_type_of_any_form_may_stand_before_a_packages(form: bytes) -> None:
    assert names_of(package(form, I, exports=(1,))) == ("test:w/types@1.0.0",)


@pytest.mark.parametrize("form", TYPE_FORMS.values(), ids=TYPE_FORMS)
def test_type_that_is_cut_anywhere_is_malformed_inside_the_section(form: bytes) -> None:
    errors = []
    for size in range(len(form)):
        data = b"\x01" + form[:size]
        with pytest.raises(WasmFormatError) as error:
            read_type_section(Reader(data, 0, len(data)))
        errors.append((error.value.code, 0 <= error.value.offset <= len(data)))

    assert errors == [("wasm-malformed", True)] * len(form)


@pytest.mark.parametrize("form", TYPE_FORMS.values(), ids=TYPE_FORMS)
def test_type_of_any_form_may_stand_inside_a_world(form: bytes) -> None:
    world = world_type("a:b/w", typed(form), typed(FUNCTION), exported("run", b"\x01\x01"))

    assert names_of(package(world)) == ("a:b/w", "run")


CORE_TYPES = {
    "function": b"\x60" + vector(b"\x7f", b"\x7e") + vector(b"\x7d"),
    "function of vectors and references": b"\x60" + vector(b"\x7b", b"\x70", b"\x6f", b"\x63\x70", b"\x64\x05") + b"\0",
    "function of a shared reference": b"\x60" + vector(b"\x63\x65\x70") + b"\0",
    "function of an exact reference": b"\x60" + vector(b"\x64\x62\x05") + b"\0",
    "struct": b"\x5f" + vector(b"\x78\0", b"\x77\x01", b"\x63\x05\x01"),
    "array": b"\x5e\x7f\x01",
    "continuation": b"\x5d\x05",
    "shared struct": b"\x65\x5f\0",
    "descriptor": b"\x4d\x05\x5f\0",
    "what describes": b"\x4c\x05\x5f\0",
    "final subtype": b"\x4f" + vector(b"\x05") + b"\x5f\0",
    "subtype in a group": b"\x4e" + vector(b"\x50" + vector() + b"\x5f\0", b"\x60\0\0"),
    "subtype with its prefix": b"\0\x50" + vector(b"\x05") + b"\x5f\0",
    "empty module type": b"\x50" + vector(),
    "module type": b"\x50"
    + vector(
        b"\x01\x60\0\0",
        b"\0" + text("m") + text("f") + b"\0\0",
        b"\x03" + text("t") + b"\x01\x70\0\x01",
        b"\x03" + text("t2") + b"\x01\x70\x01\x01\x05",
        b"\0" + text("m") + text("mem") + b"\x02\0\x01",
        b"\x03" + text("mem2") + b"\x02\x01\x01\x02",
        b"\x03" + text("mem64") + b"\x02\x05\x80\x80\x80\x80\x80\x01\x81\x80\x80\x80\x80\x01",
        b"\x03" + text("paged") + b"\x02\x08\x01\x00",
        b"\x03" + text("g") + b"\x03\x7f\x01",
        b"\x03" + text("tag") + b"\x04\0\x05",
        b"\x02\x10\x01\x01\x05",
    ),
}


@pytest.mark.parametrize("form", CORE_TYPES.values(), ids=CORE_TYPES)
def test_core_type_is_passed_over_exactly(form: bytes) -> None:
    reader = Reader(form + b"next", 0, len(form) + 4)
    skip_core_type(reader)

    assert reader.position == len(form)


@pytest.mark.parametrize("form", CORE_TYPES.values(), ids=CORE_TYPES)
def test_core_type_that_is_cut_anywhere_is_malformed(form: bytes) -> None:
    for size in range(len(form)):
        with pytest.raises(WasmFormatError) as error:
            skip_core_type(Reader(form[:size], 0, size))

        assert (error.value.code, 0 <= error.value.offset <= size) == ("wasm-malformed", True)


@pytest.mark.parametrize(
    "form",
    [
        b"\x61\0",
        b"\x50\x01\x09",
        b"\x50\x01\0" + text("m") + text("f") + b"\x07\0",
        b"\x5d" + b"\x80" * 11,
        b"\x65\x7f",
    ],
    ids=["an unknown type", "an unknown declaration", "an unknown import", "a number of 11 bytes", "a shared number"],
)
def test_core_type_of_an_unknown_form_is_malformed(form: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        skip_core_type(Reader(form, 0, len(form)))

    assert error.value.code == "wasm-malformed"


@pytest.mark.parametrize("levels", [1, 99])
def test_types_may_nest_100_levels(levels: int) -> None:
    nested = b""
    for _ in range(levels):
        nested = component_type(typed(nested)) if nested else component_type()
    data = vector(nested)

    (definition,) = read_type_section(Reader(data, 0, len(data)))

    assert definition.kind is TypeKind.COMPONENT


@pytest.mark.parametrize("levels", [102, 20_000])
def test_types_that_nest_deeper_are_refused_without_using_the_python_stack(levels: int) -> None:
    data = b"\x01" + b"\x41\x01\x01" * levels

    with pytest.raises(WasmFormatError) as error:
        read_type_section(Reader(data, 0, len(data)))

    assert error.value.code == "wasm-malformed"


@given(st.binary(max_size=80))
def test_any_bytes_as_a_type_section_give_types_or_an_error_inside_it(data: bytes) -> None:
    try:
        read_type_section(Reader(data, 0, len(data)))
        offset = 0
    except WasmFormatError as exc:
        offset = exc.offset

    assert 0 <= offset <= len(data)


@given(st.binary(max_size=60), st.binary(max_size=20), st.binary(max_size=20))
def test_any_bytes_beside_an_export_of_a_type_are_no_reason_to_fail(types: bytes, aliases: bytes, core: bytes) -> None:
    data = component(
        section(7, types),
        section(6, aliases),
        section(3, core),
        section(11, vector(b"\0" + text("a") + b"\x03\0\0")),
    )

    assert read_interface(data).imports == ()


def test_real_wit_package_of_a_fixture_is_recognised() -> None:
    (path,) = FIXTURES.glob("wit/*.wasm")

    assert read_interface(path.read_bytes()).is_wit_package
