;; Logs for ever, each time with 50,000 empty fields: much work for the host and
;; no text that could be charged for.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func $misbehave
  (drop (memory.grow (i32.const 16)))
  (loop $forever
    (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 2097152) (i32.const 50000))
    (br $forever)))
