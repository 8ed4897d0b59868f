;; Returns, and calls the host from what is called to clean up.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(global $mean (mut i32) (i32.const 0))
(func $misbehave (global.set $mean (i32.const 1)))
(func (export "cabi_post_{{export}}") (param i32)
  (if (global.get $mean)
    (then (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))))
