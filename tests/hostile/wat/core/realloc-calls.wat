;; Calls the host while the host lowers its arguments.
(import "lancet:plugin/log@0.1.0" "write"
  (func $log (param $level i32) (param $message i32) (param $message-len i32) (param $fields i32) (param $fields-len i32)))

(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
  (i32.const 65536))
(func $misbehave)
