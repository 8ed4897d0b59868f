;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Gives a setting a default that is no JSON.
(data (i32.const 1024) "\10\04\00\00\01\00\00\00\00\00\00\00")
(data (i32.const 1040)
  "\34\04\00\00\01\00\00\00\01\00\00\00\35\04\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "a1x")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (i32.const 1024))
