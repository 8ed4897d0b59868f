;; Logs, and dies at once.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(data (i32.const 1024) "and that was it")
(func $misbehave
  (call $log (i32.const 3) (i32.const 1024) (i32.const 15) (i32.const 0) (i32.const 0))
  unreachable)
