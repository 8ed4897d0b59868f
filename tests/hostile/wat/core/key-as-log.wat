;; roles: grader
;; Writes the answer key to the log 5,000 times over.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))
(import "lancet:plugin/answer-key@0.1.0" "read" (func $read-key (param $out i32)))

(global $times (mut i32) (i32.const 5000))
(func $misbehave
  (call $read-key (i32.const 1024))
  (loop $again
    (call $log (i32.const 1) (i32.load (i32.const 1024)) (i32.load (i32.const 1028)) (i32.const 0) (i32.const 0))
    (global.set $times (i32.sub (global.get $times) (i32.const 1)))
    (br_if $again (global.get $times))))
