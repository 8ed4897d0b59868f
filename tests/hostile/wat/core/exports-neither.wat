;; frame: none
;; exports: evil:host/errands@1.0.0
;; Is neither an agent nor a grader.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "evil:host/errands@1.0.0#run"))
)
