;; Logs sequences that would clear a terminal, retitle it and ring its bell.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(data (i32.const 1024) "\1b[2J\1b]0;owned\07\0d\0aPASS\e2\80\ae")
(func $misbehave
  (call $log (i32.const 1) (i32.const 1024) (i32.const 23) (i32.const 0) (i32.const 0)))
