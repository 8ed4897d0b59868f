;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Gives a setting a default of 60,000 brackets in one another.
(data (i32.const 1024) "\10\04\00\00\01\00\00\00\00\00\00\00")
(data (i32.const 1040)
  "\34\04\00\00\01\00\00\00\01\00\00\00\00\08\00\00\60\ea\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
  "a")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (memory.fill (i32.const 2048) (i32.const 0x5b) (i32.const 60000))
  (i32.const 1024))
