;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Loops for ever when it is asked what can be set.
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (loop $forever (br $forever))
  (unreachable))
