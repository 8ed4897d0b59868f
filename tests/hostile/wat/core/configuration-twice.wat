;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Says of one setting twice that it can be set.
(data (i32.const 1024) "\10\04\00\00\02\00\00\00\00\00\00\00")
;; Twice: the name `a`, a number, the default `1`, no choices and nothing about it.
(data (i32.const 1040)
  "\58\04\00\00\01\00\00\00\01\00\00\00\59\04\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "\58\04\00\00\01\00\00\00\01\00\00\00\59\04\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "a1")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (i32.const 1024))
