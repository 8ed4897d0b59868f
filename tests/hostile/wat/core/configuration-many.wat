;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Has 10,000 settings.
(data (i32.const 1024) "\00\00\10\00\10\27\00\00\00\00\00\00")
(data (i32.const 1040) "a1")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (local $at i32)
  ;; From 1 MiB on, 72 bytes each: the name `a`, a number, the default `1`, no bounds.
  (local.set $at (i32.const 1048576))
  (loop $next
    (i32.store (local.get $at) (i32.const 1040))
    (i32.store offset=4 (local.get $at) (i32.const 1))
    (i32.store8 offset=8 (local.get $at) (i32.const 1))
    (i32.store offset=12 (local.get $at) (i32.const 1041))
    (i32.store offset=16 (local.get $at) (i32.const 1))
    (local.set $at (i32.add (local.get $at) (i32.const 72)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 1768576))))
  (i32.const 1024))
