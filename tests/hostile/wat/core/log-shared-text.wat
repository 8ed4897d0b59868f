;; Logs 16,000 fields that all point to the same 1 MiB: 16 GiB if copied.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func $misbehave
  (local $at i32)
  (drop (memory.grow (i32.const 32)))
  (local.set $at (i32.const 2097152))
  (loop $more
    (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const 2359296))
    (i32.store (i32.add (local.get $at) (i32.const 12)) (i32.const 1048576))
    (local.set $at (i32.add (local.get $at) (i32.const 16)))
    (br_if $more (i32.lt_u (local.get $at) (i32.const 2353152))))
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 2097152) (i32.const 16000)))
