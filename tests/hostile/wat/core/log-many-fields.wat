;; Logs one and a half million empty fields.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func $misbehave
  ;; 24 MiB, within the limit.
  (drop (memory.grow (i32.const 384)))
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 2097152) (i32.const 1500000)))
