;; Logs fields at an address where none can be.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func $misbehave
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 1025) (i32.const 1)))
