;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Says of a setting that it takes 2^63 to 1.
(data (i32.const 1024) "\10\04\00\00\01\00\00\00\00\00\00\00")
;; The name `a`, a number, the default `1`, no choices, nothing about it; the bounds.
(data (i32.const 1040)
  "\58\04\00\00\01\00\00\00\01\00\00\00\59\04\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\80"
  "\01\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00"
  "a1")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (i32.const 1024))
