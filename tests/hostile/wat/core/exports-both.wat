;; frame: none
;; exports: lancet:plugin/solving@0.1.0 lancet:plugin/grading@0.1.0
;; Would work on a task and judge itself.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "lancet:plugin/solving@0.1.0#solve") (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (i32.const 1024))
  (func (export "lancet:plugin/grading@0.1.0#grade") (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
    (i32.const 1024))
)
