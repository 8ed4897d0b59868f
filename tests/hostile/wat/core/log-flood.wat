;; Logs 100 messages of 1 MiB each.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(global $times (mut i32) (i32.const 100))
(func $misbehave
  (drop (memory.grow (i32.const 16)))
  (loop $again
    (call $log (i32.const 1) (i32.const 2097152) (i32.const 1048576) (i32.const 0) (i32.const 0))
    (global.set $times (i32.sub (global.get $times) (i32.const 1)))
    (br_if $again (global.get $times))))
