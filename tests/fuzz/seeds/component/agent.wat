(component
  (import "lancet:plugin/types@0.1.0" (instance $types
    (type (record (field "id" u32) (field "text" string)))
    (export "proposal" (type (eq 0)))))
  (import "lancet:plugin/log@0.1.0" (instance $log
    (type (enum "debug" "info" "warn"))
    (export "level" (type (eq 0)))
    (export "write" (func (param "level" 1) (param "text" string)))))
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
    (func (export "solve") (result i32) i32.const 0))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (func $solve (result u32) (canon lift (core func $i "solve")))
  (component $c
    (import "solve" (func $f (result u32)))
    (export "solve" (func $f)))
  (instance $solving (instantiate $c (with "solve" (func $solve))))
  (export "lancet:plugin/solving@0.1.0" (instance $solving)))
