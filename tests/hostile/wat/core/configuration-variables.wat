;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Has a prompt of 100,000 variables.
(data (i32.const 1024) "\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00\00\00\10\00\a0\86\01\00")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (i32.const 1024))
