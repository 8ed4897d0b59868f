;; Logs with a level that there is not.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func $misbehave
  (call $log (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
