;; roles: agent
;; exports: lancet:plugin/configuring@0.1.0
;; Writes to the log when it is asked what can be set.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))
(func $misbehave)
(func (export "lancet:plugin/configuring@0.1.0#describe") (result i32)
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
  (i32.const 1024))
