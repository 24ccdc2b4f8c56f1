"""Core modules and components in text, rich in what proposals add: stubs are made of them, engines judge them."""

from __future__ import annotations

from functools import cache
from typing import Final

import wasmtime

CORE_MODULES: Final = {
    "empty": "(module)",
    "types without code": "(module (type (func)) (type (func (param i32) (result i64))))",
    "imports interleaved": """(module
        (import "a" "f" (func (param i32)))
        (import "a" "m" (memory 1 5))
        (import "b" "g" (global (mut i64)))
        (import "a" "f2" (func (result f32)))
        (import "b" "t" (table 1 2 externref))
        (import "c" "e" (tag (param i32)))
        (func (export "mine") (result f64) unreachable)
        (export "again" (func 0)) (export "f2" (func 1)) (export "m" (memory 0))
        (export "g" (global 0)) (export "t" (table 0)) (export "e" (tag 0)))""",
    "tags": '(module (type (func (param i32 i64))) (tag (type 0)) (tag (export "e")) (export "e0" (tag 0)))',
    "memories": """(module (memory (export "a") 1) (memory (export "b") i64 1 2) (memory (export "c") 1 2 shared)
        (data (i32.const 0) "bytes"))""",
    "tables with initialisers": """(module
        (type $f (func)) (func $g (type $f))
        (table (export "t") 3 (ref $f) (ref.func $g))
        (table $u (export "u") 1 2 (ref null $f) (ref.null $f))
        (table (export "v") i64 1 funcref)
        (elem (table $u) (i32.const 0) (ref null $f) (ref.func $g)))""",
    "globals with initialisers": """(module
        (import "a" "b" (global $b i32))
        (func $f) (elem declare func $f)
        (global (export "r") (ref func) (ref.func $f))
        (global (export "n") (mut externref) (ref.null extern))
        (global (export "x") i32 (i32.add (i32.const -5) (i32.mul (global.get $b) (i32.const 0x7fffffff))))
        (global (export "y") i64 (i64.sub (i64.const -1) (i64.const 0x7fffffffffffffff)))
        (global (export "z") f32 (f32.const nan)) (global (export "w") f64 (f64.const 0.1))
        (global (export "v") v128 (v128.const i64x2 11 11))
        (global (export "last") (mut i32) (global.get $b)))""",
    "start": '(module (import "a" "b" (func)) (func $s) (start $s) (export "s" (func $s)))',
    "recursive types": """(module
        (rec (type $a (sub (struct (field (ref null $b)) (field (mut i8))))) (type $b (array (mut (ref null $a)))))
        (type $c (sub $a (struct (field (ref null $b)) (field (mut i8)) (field i64))))
        (type $d (sub final $c (struct (field (ref null $b)) (field (mut i8)) (field i64) (field anyref))))
        (type $f (func (param (ref $a) (ref null $d)) (result (ref $b))))
        (import "a" "f" (func (type $f)))
        (func (export "g") (type $f) unreachable)
        (global (export "i") i31ref (ref.i31 (i32.const 7)))
        (global (export "s") (ref $a) (struct.new $a (ref.null $b) (i32.const 1)))
        (global (export "d") (ref $a) (struct.new_default $a))
        (global (export "n") (ref $b) (array.new $b (ref.null $a) (i32.const 3)))
        (global (export "x") (ref $b) (array.new_fixed $b 2 (ref.null $a) (ref.null $a)))
        (global (export "e") externref (extern.convert_any (ref.i31 (i32.const 1))))
        (global (export "y") anyref (any.convert_extern (ref.null extern)))
        (global (export "l") (ref $b) (array.new_default $b (i32.const 3))))""",
    "exceptions": """(module (tag $e (param i32)) (func (export "f") (result exnref)
        (block (result exnref) (try_table (catch_all_ref 0) (throw $e (i32.const 1))) unreachable)))""",
    "many functions of many types": "(module "
    + "".join(f"(type (func (param{' i32' * number})))" for number in range(200))
    + "".join(f'(func (export "f{number}") (type {number}))' for number in range(199, -1, -1))
    + ")",
}
"""By what is particular about them; all valid."""

_LIBRARY: Final = """
    (core module $lib
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
        (func (export "greet") (param i32 i32) (result i32) i32.const 0)
        (global (export "g") i32 (i32.const 1)))
    (core instance $lib (instantiate $lib))"""

COMPONENTS: Final = {
    "lifted": f"""(component {_LIBRARY}
        (func (export "greet") (param "name" string) (result string)
          (canon lift (core func $lib "greet") (memory (core memory $lib "memory"))
            (realloc (core func $lib "realloc")))))""",
    "resources": """(component
        (import "a:b/types" (instance $t (export "r" (type (sub resource)))
          (export "[method]r.m" (func (param "self" (borrow 0)) (result u32)))))
        (alias export $t "r" (type $r))
        (alias export $t "[method]r.m" (func $m))
        (core func $low (canon lower (func $m)))
        (core func $drop (canon resource.drop $r))
        (core module $user (import "a" "m" (func (param i32) (result i32))) (import "a" "drop" (func (param i32)))
          (func (export "run") (param i32) (result i32) local.get 0 call 0))
        (core instance $args (export "m" (func $low)) (export "drop" (func $drop)))
        (core instance $user (instantiate $user (with "a" (instance $args))))
        (type $own (resource (rep i32)))
        (export $own-out "mine" (type $own))
        (func (export "run") (param "x" (own $r)) (result u32) (canon lift (core func $user "run"))))""",
    "outer aliases": """(component $root
        (type $t (record (field "a" u32) (field "b" string)))
        (core type $ct (func))
        (core module $m (func (export "f")))
        (component $in
          (alias outer $root $t (type $t2))
          (alias outer $root $ct (core type $ct2))
          (component $deep
            (alias outer $root $m (core module $dm))
            (core instance $i (instantiate $dm))
            (func (export "f") (canon lift (core func $i "f"))))
          (export "record" (type $t2))
          (instance $d (instantiate $deep))
          (export "f" (func $d "f")))
        (instance $i (instantiate $in))
        (export "f" (func $i "f")))""",
    "modules handed over": """(component
        (import "given" (core module $g (import "x" "y" (func)) (export "z" (memory 1))))
        (core module $f (func (export "y")))
        (core instance $fi (instantiate $f))
        (core instance $gi (instantiate $g (with "x" (instance $fi))))
        (component $c (import "m" (core module $m (export "y" (func)))) (core instance (instantiate $m))
          (export "m" (core module $m)))
        (instance $ci (instantiate $c (with "m" (core module $f))))
        (export "m" (core module $ci "m"))
        (export "f" (core module $f)))""",
    "components imported": """(component
        (import "c" (component $c (import "f" (func)) (export "g" (func))))
        (import "f" (func $f))
        (instance $i (instantiate $c (with "f" (func $f))))
        (export "g" (func $i "g")))""",
    "module types": """(component
        (core type $f (func (param i32)))
        (core type $m (module (alias outer 1 $f (type)) (import "a" "b" (func (type 0))) (export "c" (global i32))))
        (type $i (instance (export "m" (core module $m))))
        (import "i" (instance $x (type $i)))
        (alias export $x "m" (core module $xm))
        (export "again" (core module $xm)))""",
    "async": f"""(component {_LIBRARY}
        (type $s (stream u8))
        (core func (canon stream.new $s))
        (core func (canon task.return (result string) (memory (core memory $lib "memory"))))
        (import "later" (func async (param "x" $s) (result (future u32)))))""",
    "values, maps and names": """(component
        (type (map string (list (tuple u8 (option char)))))
        (type (variant (case "a" float32) (case "b")))
        (type (flags "x" "y")) (type (enum "e")) (type (result (error string)))
        (import "a:b/c@1.2.3" (instance)) (import "plain" (implements "a:b/d") (instance))
        (export "t" (type 0)))""",
}
"""By what is particular about them; all valid."""


@cache
def binary(wat: str) -> bytes:
    """What a text is in binary."""
    return bytes(wasmtime.wat2wasm(wat))
