;; Logs bytes that are no text.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(data (i32.const 1024) "\ff\fe\c0\80")
(func $misbehave
  (call $log (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 0)))
