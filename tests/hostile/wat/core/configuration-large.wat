;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Has a prompt of 24 MiB.
(data (i32.const 1024) "\00\00\00\00\00\00\00\00\01\00\00\00\00\00\10\00\00\00\80\01\00\00\00\00\00\00\00\00")
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  ;; 28 MiB, within the limit.
  (drop (memory.grow (i32.const 408)))
  (i32.const 1024))
