;; roles: grader
;; Calls the host while the host waits for space for what it was asked for.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))
(import "lancet:plugin/answer-key@0.1.0" "read" (func $read-key (param $out i32)))

(global $mean (mut i32) (i32.const 0))
(func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
  (local $at i32)
  (if (global.get $mean)
    (then (call $log (i32.const 1) (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 0))))
  (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
  (global.set $next (i32.add (local.get $at) (local.get $size)))
  (local.get $at))
(memory (export "memory") 256)
(func $misbehave
  (global.set $mean (i32.const 1))
  (call $read-key (i32.const 1024)))
